//! Puts a streamed body on disk, synced, before anybody answers for it.
//!
//! Never: a path made of anything a sender says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use messages::phrase;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::App;
use crate::body::next;
use crate::error::{Error, Kind};

/// Bytes written at once: fewer and larger writes than the frames of a body.
const BUFFER_BYTES: usize = 1 << 20;

/// A spooled body; removed again unless it is kept.
pub(crate) struct Spooled {
    path: PathBuf,
    kept: bool,
}

impl Spooled {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the file to whoever has its path.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, "a spooled body could not be removed: {error}");
        }
    }
}

/// Writes a body to a file of its own.
pub(crate) async fn spool(app: &Arc<App>, mut body: Body, suffix: &str) -> Result<Spooled, Error> {
    let limits = &app.settings.limits;
    let most = limits.batch_bytes_max;
    let too_large =
        || Error::new(Kind::TooLarge).about(phrase!("about-bytes", limit = most.to_string()));
    if http_body::Body::size_hint(&body).lower() > most {
        return Err(too_large());
    }
    let name = format!("{}.{suffix}", uuid::Uuid::now_v7());
    let path = app.settings.spool_dir.join(name);
    let file = File::options().write(true).create_new(true).open(&path).await?;
    let spooled = Spooled { path, kept: false };
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut written = 0_u64;
    while let Some(part) = next(&mut body, limits.batch_idle).await? {
        written += part.len() as u64;
        if written > most {
            return Err(too_large());
        }
        file.write_all(&part).await?;
    }
    file.flush().await?;
    file.get_ref().sync_all().await?;
    // The name must survive as well as the bytes.
    File::open(&app.settings.spool_dir).await?.sync_all().await?;
    Ok(spooled)
}
