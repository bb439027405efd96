//! The Python that holds the servers and libraries of others which the tests meet.

use std::path::PathBuf;

/// Where `make peers` put it.
pub(crate) fn python() -> PathBuf {
    let folder = std::env::var_os("COMANDA_PEERS").map_or_else(
        || {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
            cache.unwrap_or_else(home).join("comanda/peers")
        },
        PathBuf::from,
    );
    let python = folder.join("bin/python");
    assert!(python.exists(), "{} is missing: run `make peers` first", python.display());
    python
}
