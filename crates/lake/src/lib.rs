//! Changes as Parquet: a *lake* of tables that any reader of Parquet understands, and the rows
//! that are not in a file yet, so that the present can be asked about at any moment.
//!
//! ```text
//! log ─► rows (a change becomes rows of several tables; an order's state is folded)
//!          │
//!          ▼
//!        tail (Arrow, in bounded memory) ──┐
//!          │ coalesced by time and size    ├─► snapshot: manifest + tail, taken together
//!          ▼                               │
//!        segment (a Parquet file a table, sequences from–to of one day)
//!          │ manifest committed last ──────┘
//!          ▼
//!        compaction, retention
//! ```
//!
//! The manifest is the truth about the files, and the cursor: what it does not name is not there,
//! and the log is read on from where its last segment ends. So a crash at any point leaves a
//! consistent lake, with every change in it once.
//!
//! Never: a decision about an order, a clock or randomness of its own, a socket (those are the
//! object store's).

mod cell;
pub mod compact;
pub mod error;
pub mod manifest;
mod order;
pub mod perform;
mod personal;
pub mod present;
pub mod read;
mod recent;
pub mod rows;
pub mod scribe;
pub mod segment;
pub mod snapshot;
pub mod store;
pub mod table;
mod tables;
pub mod tail;
pub mod writer;
