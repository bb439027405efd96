//! How the lake is written, for Prometheus. How far it is behind the log is told of it as of
//! every follower, by the name `lake`.

use super::Text;

/// How the lake is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LakeState {
    /// Memory of rows that are in no file yet, in bytes.
    pub tail_bytes: u64,
    /// Rows that are in no file yet.
    pub tail_rows: u64,
    /// Stretches of the log that are in files.
    pub segments: u64,
    /// Bytes of the files.
    pub file_bytes: u64,
    /// Times that rows went into files.
    pub flushes: u64,
    /// Rows that did.
    pub rows: u64,
    /// Bytes written, those that were written again included.
    pub written_bytes: u64,
    /// Times that files were replaced by fewer or smaller ones.
    pub compactions: u64,
    /// Failures to read the log or to write files.
    pub failures: u64,
}

/// Nothing where there is no lake.
pub(super) fn render(out: &mut Text, lake: Option<&LakeState>) {
    let Some(lake) = lake else { return };
    let mut one = |name: &'static str, kind: &str, help: &str, value: u64| {
        out.family(name, kind, help);
        out.sample("", value);
    };
    let (name, help) = ("comanda_lake_tail_bytes", "Memory of rows that are in no file yet.");
    one(name, "gauge", help, lake.tail_bytes);
    one("comanda_lake_tail_rows", "gauge", "Rows that are in no file yet.", lake.tail_rows);
    one("comanda_lake_segments", "gauge", "Stretches of the log in files.", lake.segments);
    one("comanda_lake_file_bytes", "gauge", "Bytes of the lake's files.", lake.file_bytes);
    one("comanda_lake_flushes_total", "counter", "Times rows went into files.", lake.flushes);
    one("comanda_lake_rows_total", "counter", "Rows that went into files.", lake.rows);
    let (name, help) = ("comanda_lake_written_bytes_total", "Bytes of files written.");
    one(name, "counter", help, lake.written_bytes);
    let (name, help) = ("comanda_lake_compactions_total", "Times files were replaced by fewer.");
    one(name, "counter", help, lake.compactions);
    let (name, help) = ("comanda_lake_failures_total", "Failures of log or files.");
    one(name, "counter", help, lake.failures);
}
