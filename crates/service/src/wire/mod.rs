//! What comes over the border: bytes in, checked types or every violation out.

pub mod checks;
pub mod csv;
pub mod document;
pub mod message;
pub mod rules;
pub mod violation;
