//! The writer with a store that fails and a process that dies anywhere: what is in files and in
//! memory is the log's rows, each once.

mod faulty;
mod log;
mod simulation;
mod terms;
mod world;
