//! What the two servers of the bench share: the runtime, the listener, the shape of an answer.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;

use crate::work::{self, Placed, Status};

/// Worker threads of the HTTP server: the same for every system under test.
pub const WORKERS: usize = 2;

/// The runtime both servers run on.
///
/// # Errors
/// The machine has no threads left.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()
}

/// Serves `router` on a free loopback port until the process ends, and prints where.
///
/// # Errors
/// The port cannot be opened.
pub async fn forever(router: Router) -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    announce(listener.local_addr()?);
    let listener = listener.tap_io(|socket| {
        // A socket that cannot do this is only slower.
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

/// A receiver of webhooks that takes everything.
pub fn receiver() -> Router {
    Router::new().fallback(async |_body: axum::body::Bytes| StatusCode::NO_CONTENT)
}

/// Prints the line every server prints, and ends the process when the parent goes away.
pub fn announce(address: SocketAddr) {
    println!("listening on http://{address}");
    end_with_parent();
}

/// Ends this process when its parent goes away.
pub fn end_with_parent() {
    std::thread::spawn(|| {
        // The parent holds the other end and never writes: this returns when the parent is gone.
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
}

/// 202 as Comanda answers it.
pub fn accepted(order: &Placed, status: Status) -> Response {
    let Placed { merchant, id, .. } = order;
    let location = format!("/v1/orders/{id}?merchant_id={merchant}");
    let headers =
        [(header::CONTENT_TYPE, "application/json".to_owned()), (header::LOCATION, location)];
    (StatusCode::ACCEPTED, headers, work::answer(order, status)).into_response()
}

/// An error as Comanda answers it.
pub fn problem(status: StatusCode, why: &str) -> Response {
    let body = serde_json::json!({ "status": status.as_u16(), "title": why }).to_string();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}
