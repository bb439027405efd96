//! What the papers of an order have to look like, country by country.
//!
//! Never: a register. Whether a number was ever given out, nobody here knows.

pub mod brazil;
