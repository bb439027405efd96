//! Proves the invariants on a store.
