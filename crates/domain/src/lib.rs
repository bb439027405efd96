//! What an order is, and what may happen to it.
//!
//! Pure: facts and commands in, events out. Never: I/O, a clock, randomness, serde, async, floats.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic, clippy::indexing_slicing, clippy::unwrap_used)]

extern crate alloc;

pub mod command;
pub mod decide;
pub mod document;
pub mod event;
pub mod evolve;
pub mod facts;
pub mod id;
pub mod limits;
pub mod money;
pub mod notice;
pub mod order;
pub mod pricing;
pub mod state;
pub mod stock;
pub mod time;
