//! The follower machine: its facts one by one, and any interleaving of outcomes and crashes.

mod facts;
mod interleavings;
mod rig;
