//! Threads that serve connections: one runtime of one thread for each core.
//!
//! A connection stays on its thread. Against one runtime for all cores this saves moving tasks
//! about and waking threads for it.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// How long work that outlives its connection may take at the end.
const LAST_WORK: Duration = Duration::from_secs(5);

/// The threads.
pub(crate) struct Workers {
    pub(crate) handles: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
    closing: watch::Sender<bool>,
}

impl Workers {
    /// Starts them, with `task` on each beside the connections.
    pub(crate) fn start<T>(task: impl Fn() -> T) -> io::Result<Self>
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (closing, closed) = watch::channel(false);
        let (mut handles, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..cores {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            runtime.spawn(task());
            let mut closed = closed.clone();
            let thread = std::thread::Builder::new().name("http".to_owned());
            threads.push(thread.spawn(move || {
                runtime.block_on(async {
                    // An error means that the sender is gone: closed as well.
                    drop(closed.wait_for(|closed| *closed).await);
                });
                runtime.shutdown_timeout(LAST_WORK);
            })?);
        }
        Ok(Self { handles, threads, closing })
    }

    /// Ends them; what they served must have come out before.
    pub(crate) fn stop(self) {
        // Nobody left to tell is as good as told.
        let _ = self.closing.send(true);
        for thread in self.threads {
            drop(thread.join());
        }
    }
}
