//! Stories: what an order goes through, told as facts.

mod lifecycle;
mod pricing;
mod steps;
mod world;
