//! The ceiling: the same HTTP server and the same work on the document, and no store at all.
//!
//! What Comanda loses against it is what durability costs. Never: anything remembered.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use crate::serve;
use crate::work::{Status, Work};

/// Serves until the process ends.
///
/// # Errors
/// The port cannot be opened.
pub fn serve(work: Work) -> io::Result<()> {
    let router = Router::new()
        .route("/v1/orders", post(place))
        .route("/ready", get(async || StatusCode::OK))
        .with_state(Arc::new(work));
    serve::runtime()?.block_on(serve::forever(router))
}

async fn place(State(work): State<Arc<Work>>, body: Bytes) -> Response {
    match work.read(&body) {
        Ok(order) => serve::accepted(&order, Status::Completed),
        Err(why) => serve::problem(StatusCode::BAD_REQUEST, &why),
    }
}
