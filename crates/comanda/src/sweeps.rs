//! The thread that sends many dead letters again, or gives them up, as fast as was asked.
//!
//! What runs is in the store: a restart goes on where the last part ended. Never: two at a time.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use service::letters::Sweeper;

/// How often it looks whether somebody began one.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Longest it sleeps before it looks whether the one that runs was stopped.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Carries sweeps out while it lives.
#[derive(Debug)]
pub(crate) struct Sweeps {
    closing: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeps {
    /// Begins to look for what is to be done.
    pub(crate) fn start(sweeper: Sweeper) -> std::io::Result<Self> {
        let closing = Arc::new((Mutex::new(false), Condvar::new()));
        let signal = closing.clone();
        let thread = std::thread::Builder::new();
        let thread = thread.name("sweeps".into()).spawn(move || run(&sweeper, &signal))?;
        Ok(Self { closing, thread: Some(thread) })
    }
}

impl Drop for Sweeps {
    fn drop(&mut self) {
        *self.closing.0.lock() = true;
        self.closing.1.notify_all();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(sweeper: &Sweeper, closing: &(Mutex<bool>, Condvar)) {
    loop {
        let pause = match pollster::block_on(sweeper.step()) {
            Ok(pause) => pause.unwrap_or(LOOK_EVERY).min(PAUSE_MAX),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "dead letters wait");
                PAUSE_MAX
            }
        };
        let mut closed = closing.0.lock();
        if !*closed {
            closing.1.wait_for(&mut closed, pause);
        }
        if *closed {
            return;
        }
    }
}
