//! `comanda changes`: the change log as JSON lines.

use anyhow::Result;

use crate::client::{Client, path};
use crate::render;

pub(super) fn changes(api: &Client, after: Option<String>, limit: usize) -> Result<()> {
    let parameters = [("after", after), ("limit", Some(limit.to_string()))];
    Ok(render::bytes(&api.bytes(&path("/v1/changes", &parameters))?)?)
}
