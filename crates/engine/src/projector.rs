//! The thread that writes committed layers to the projection, behind the writer's back.
//!
//! It freezes the active layer when there is enough of it, or it is half a minute old, writes it,
//! and drops it. A layer that cannot be written stays readable and is tried again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use service::layer::Layer;

use crate::Shared;

/// Orders, and inputs that are none, that make a layer worth writing: enough to fill runs, few enough to read through.
pub(crate) const LAYER_ORDERS: usize = 40_000;
/// Oldest a layer gets before it is written. A restart replays one layer at most, and that is
/// bounded by its orders; writing more often only wrote the same pages again, and every such
/// write holds up the log's syncs for some tens of milliseconds.
const LAYER_AGE: Duration = Duration::from_secs(30);
/// How often the projector looks, where nobody wakes it.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Pause before a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Works until the engine closes, and writes what is left then.
pub(crate) fn run(shared: &Arc<Shared>) {
    let mut last = Instant::now();
    loop {
        let closing = shared.wait_for_work(LOOK_EVERY);
        let due = {
            let layers = shared.layers.read();
            let (empty, many) = (layers.active.is_empty(), layers.active.size() >= LAYER_ORDERS);
            !empty && (many || closing || last.elapsed() >= LAYER_AGE)
        };
        if due {
            let frozen = freeze(shared);
            let began = Instant::now();
            while let Err(error) = shared.store.project(&frozen) {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "projection not written, trying again"
                );
                if shared.closing.load(Ordering::Acquire) {
                    return; // the log has it all: the next start replays it
                }
                std::thread::sleep(RETRY);
            }
            shared.measured.projection.took(began.elapsed());
            shared.layers.write().frozen = None;
            shared.applied.store(frozen.until, Ordering::Relaxed);
            shared.projected();
            last = Instant::now();
            drop(frozen);
        } else if closing {
            return;
        }
    }
}

fn freeze(shared: &Shared) -> Arc<Layer> {
    let mut layers = shared.layers.write();
    let frozen = Arc::new(std::mem::take(&mut layers.active));
    layers.frozen = Some(frozen.clone());
    frozen
}
