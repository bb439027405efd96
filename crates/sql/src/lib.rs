//! SQL over the lake and the present: DataFusion underneath, PostgreSQL's wire in front.
//!
//! ```text
//! text ─► engine (parsed, read-only, within bounds) ─► plan (bound to one snapshot)
//!           │                                            │
//!           │   table ─► scan: current files ∪ (mixed files − superseded) ∪ tail
//!           ▼                                            │
//!         output (JSON, CSV, Parquet, Arrow) ◄── statement (own threads, time, cancelling)
//! ```
//!
//! Never: a statement that changes anything; an answer made of two moments.

pub mod engine;
pub mod error;
mod functions;
pub mod limits;
mod output;
mod plan;
mod reader;
mod scan;
mod statement;
mod superseded;
mod table;
pub mod views;
pub mod wire;

pub use engine::Engine;
pub use limits::Limits;
