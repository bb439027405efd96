//! Where objects are: a bucket, or a folder. The archive and the lake are put there.
//!
//! Never: a folder that is made (an empty mount point must not become a store), a file that is
//! named before it is synced.

use std::sync::Arc;

use object_store::aws::AmazonS3;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore};
use reqwest::Url;

use crate::aws::Account;

/// Longest prefix of names, in bytes: with the longest ids a name stays below S3's 1,024.
pub const PREFIX_BYTES_MAX: usize = 200;

/// Where objects are.
#[derive(Clone, Debug)]
pub struct Place {
    /// `s3://bucket/prefix`, or `file:///folder`.
    pub url: Url,
    /// Where the store answers, when it is not AWS's.
    pub endpoint: Option<Url>,
    /// Whether the bucket is a part of the path (`endpoint/bucket`) and not of the host's name.
    pub path_style: bool,
    /// Who asks.
    pub account: Account,
}

/// Why there can be no objects there.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Neither a bucket nor a folder.
    #[error("the url is s3://bucket/prefix or file:///folder")]
    Url,
    /// The prefix is too long, or no path.
    #[error("the prefix must be a plain path of at most {PREFIX_BYTES_MAX} bytes")]
    Prefix,
    /// The folder is missing. It is not made: an empty mount point must not become a store.
    #[error("the folder is not there; make it first")]
    Folder(#[source] Error),
    /// The settings do not fit together.
    #[error("set up the store of objects")]
    Store(#[source] Error),
}

/// A place that was opened.
#[derive(Clone, Debug)]
pub struct Objects {
    /// What puts and gets; durable when it has answered.
    pub store: Arc<dyn ObjectStore>,
    /// What signs links; a folder has nobody.
    pub signer: Option<Arc<AmazonS3>>,
    /// What every name is below.
    pub prefix: Path,
}

impl Place {
    /// What is there. Whether a bucket answers is not asked.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub fn open(&self) -> Result<Objects, PlaceError> {
        match self.url.scheme() {
            "s3" => {
                let store = Arc::new(self.bucket()?);
                let prefix = prefix(self.url.path())?;
                Ok(Objects { store: store.clone(), signer: Some(store), prefix })
            }
            "file" => folder(&self.url.to_file_path().map_err(|()| PlaceError::Url)?),
            _ => Err(PlaceError::Url),
        }
    }

    fn bucket(&self) -> Result<AmazonS3, PlaceError> {
        let name = self.url.host_str().filter(|name| !name.is_empty()).ok_or(PlaceError::Url)?;
        let mut builder = self.account.builder().with_bucket_name(name);
        if let Some(endpoint) = &self.endpoint {
            let mut endpoint = endpoint.clone();
            if !self.path_style {
                let host = format!("{name}.{}", endpoint.host_str().ok_or(PlaceError::Url)?);
                endpoint.set_host(Some(&host)).map_err(|_| PlaceError::Url)?;
            }
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        let builder = builder.with_virtual_hosted_style_request(!self.path_style);
        builder.build().map_err(PlaceError::Store)
    }
}

/// A folder that is there. Files and the folders they are in are synced before a put is answered:
/// what names them may rely on it.
///
/// # Errors
/// [`PlaceError::Folder`]
pub fn folder(path: &std::path::Path) -> Result<Objects, PlaceError> {
    let store = LocalFileSystem::new_with_prefix(path).map_err(PlaceError::Folder)?;
    let store = store.with_fsync(true).with_automatic_cleanup(true);
    Ok(Objects { store: Arc::new(store), signer: None, prefix: Path::default() })
}

fn prefix(path: &str) -> Result<Path, PlaceError> {
    let prefix = Path::from_url_path(path).map_err(|_| PlaceError::Prefix)?;
    if prefix.as_ref().len() > PREFIX_BYTES_MAX { Err(PlaceError::Prefix) } else { Ok(prefix) }
}
