//! SQL over the lake and the present: DataFusion underneath, PostgreSQL's wire in front.
//!
//! Never: a statement that changes anything; an answer made of two moments.

pub mod views;
