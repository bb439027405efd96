//! Who is connected, so that what they do can be cancelled from beside.
//!
//! Never: a statement cancelled that began after the request for it was heard.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio::sync::Notify;

/// Every connection that may be cancelled.
#[derive(Default)]
pub(super) struct Running {
    next: AtomicI32,
    connections: Mutex<HashMap<i32, Arc<Connection>>>,
}

/// A connection, and the statement it carries out.
struct Connection {
    secret: [u8; 4],
    statement: Mutex<Option<Arc<Notify>>>,
}

/// A connection's own hold on what others see of it.
pub(super) struct Seat {
    pub(super) process: i32,
    pub(super) secret: i32,
    connection: Arc<Connection>,
    running: Arc<Running>,
}

impl Running {
    /// Takes a place for a connection, with a secret of its own.
    pub(super) fn seat(self: &Arc<Self>, secret: [u8; 4]) -> Seat {
        let process = self.next.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let connection = Arc::new(Connection { secret, statement: Mutex::default() });
        self.connections.lock().insert(process, connection.clone());
        let secret = i32::from_be_bytes(secret);
        Seat { process, secret, connection, running: self.clone() }
    }

    /// Cancels what a connection does, for whoever knows its secret.
    pub(super) fn cancel(&self, process: i32, secret: &[u8]) {
        let Some(connection) = self.connections.lock().get(&process).cloned() else { return };
        if !bool::from(connection.secret.ct_eq(secret)) {
            return;
        }
        if let Some(statement) = &*connection.statement.lock() {
            statement.notify_one();
        }
    }
}

impl Seat {
    /// A statement begins; resolves when it is cancelled.
    pub(super) fn begin(&self) -> Arc<Notify> {
        let statement = Arc::new(Notify::new());
        *self.connection.statement.lock() = Some(statement.clone());
        statement
    }

    /// No statement is under way.
    pub(super) fn end(&self) {
        *self.connection.statement.lock() = None;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.running.connections.lock().remove(&self.process);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn is_cancelled(statement: &Notify) -> bool {
        let patience = Duration::from_millis(1);
        tokio::time::timeout(patience, statement.notified()).await.is_ok()
    }

    #[tokio::test]
    async fn the_statement_under_way_is_cancelled_by_its_secret_only() {
        let running = Arc::new(Running::default());
        let (one, other) = (running.seat(*b"1234"), running.seat(*b"5678"));
        let (mine, others) = (one.begin(), other.begin());
        for wrong in [&b"5678"[..], b"123", b"12345", b""] {
            running.cancel(one.process, wrong);
        }
        assert!(!is_cancelled(&mine).await);
        running.cancel(one.process, b"1234");
        assert!(is_cancelled(&mine).await);
        assert!(!is_cancelled(&others).await);
        one.end();
        running.cancel(one.process, b"1234");
        assert!(!is_cancelled(&one.begin()).await);
    }

    #[test]
    fn who_left_is_not_cancelled_and_leaves_nothing() {
        let running = Arc::new(Running::default());
        let seat = running.seat(*b"1234");
        let process = seat.process;
        drop(seat);
        running.cancel(process, b"1234");
        assert!(running.connections.lock().is_empty());
    }
}
