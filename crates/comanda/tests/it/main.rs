//! The whole program, from outside: the real process, its HTTP API, its commands and exit codes.
//!
//! Every server listens on a port of its own on the loopback interface and keeps its store in a
//! scratch folder. Whatever is random prints its seed; `COMANDA_TEST_SEED` repeats it. Everything
//! that waits, waits for a bounded time.

mod support;

mod amended;
mod archive;
mod backup;
mod bad_inputs;
mod batches;
mod broken_batches;
mod commands;
mod config;
mod crash;
mod dead_letters;
mod disk;
mod files;
mod followers;
mod keys;
mod killed_batch;
mod lake;
mod lake_readers;
mod languages;
mod mail;
mod observe;
mod older_store;
mod overload;
mod queues;
mod shutdown;
mod sql;
mod steps;
mod streams;
mod webhooks;
mod whatif;
mod wire;
