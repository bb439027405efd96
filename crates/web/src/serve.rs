//! Puts the API on a socket: HTTP/1.1, one task a connection.
//!
//! Hyper's connections are driven directly rather than by `axum::serve`: measured with pipelined
//! orders and a ledger that answers at once, 5.9 µs of CPU an order against 12.8 µs, parsing the
//! document included. `axum::serve` has no setting to flush pipelined answers together, none for
//! the time a head may take, none for the number of connections; and `POST /v1/orders` is answered
//! here without the router, its boxes and its copies of a request.
//!
//! Never: TLS or HTTP/2. A proxy that ends those speaks HTTP/1.1 to us.

use std::convert::{Infallible, identity};
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use crate::App;
use crate::asked::Asked;
use crate::audits;
use crate::clients::Allowance;
use crate::guard::{self, Client, Peer};
use crate::keys::Scope;
use crate::metrics::Route;
use crate::no_request::{self, StillOpen};
use crate::place::place;

/// Serves until `shutdown` resolves, then finishes what was accepted, for as long as
/// [`shutdown`](crate::Limits::shutdown) allows.
///
/// Connections are dealt out in turn to `runtimes`, or stay on this one where there are none.
/// A runtime of one thread each moves no task between cores, and wakes none that is awake.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    runtimes: &[tokio::runtime::Handle],
    shutdown: impl Future<Output = ()>,
) {
    let limits = app.settings.limits.clone();
    let connections = Arc::new(Semaphore::new(limits.connections_max as usize));
    let (closing, closed) = watch::channel(());
    let router = crate::router(app.clone());
    let here = [tokio::runtime::Handle::current()];
    let mut runtimes = if runtimes.is_empty() { here.iter() } else { runtimes.iter() }.cycle();
    let settling = async {
        loop {
            tokio::time::sleep(SETTLE_EVERY).await;
            app.settle_invalid().await;
        }
    };
    let accepting = async {
        loop {
            let Ok(permit) = connections.clone().acquire_owned().await else { return };
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause(&error).await;
                    continue;
                }
            };
            // Answers are small and complete: waiting for more to send would only delay them.
            _ = stream.set_nodelay(true);
            let peer = address.ip();
            let client = app.clients.of(peer);
            let (app, router, closed) = (app.clone(), router.clone(), closed.clone());
            let (Some(runtime), Ok(stream)) = (runtimes.next(), stream.into_std()) else {
                continue;
            };
            runtime.spawn(async move {
                // Belongs to the reactor it was accepted on until it is registered here.
                if let Ok(stream) = TcpStream::from_std(stream) {
                    connection(stream, app, router, (client, peer), closed).await;
                }
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = settling => {}
        () = shutdown => {}
    }
    drop(listener);
    // Streams of events never end by themselves.
    app.closing.send_replace(true);
    drop(closing);
    let all = connections.acquire_many(limits.connections_max);
    if tokio::time::timeout(limits.shutdown, all).await.is_err() {
        tracing::warn!("connections were still open at the end of the shutdown");
    }
    audits::settle(&app, app.gate.close()).await;
}

/// How often sums of invalid input whose minute is over are recorded.
const SETTLE_EVERY: Duration = Duration::from_secs(5);

/// Waits after an accept that failed: without file descriptors it would fail again at once.
async fn pause(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset) {
        tracing::error!(%error, "a connection could not be accepted: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn connection(
    stream: TcpStream,
    app: Arc<App>,
    router: Router,
    (client, peer): (Allowance, IpAddr),
    mut closed: watch::Receiver<()>,
) {
    let header = app.settings.limits.header;
    let asked = AtomicBool::new(false);
    let service = service_fn(|request| {
        asked.store(true, Ordering::Relaxed);
        answer(&app, &router, &client, peer, request)
    });
    let mut stream = TokioIo::new(stream);
    let ended = {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header)
            .pipeline_flush(true)
            // Whoever has no more to send still hears what became of it.
            .half_close(true)
            .serve_connection(StillOpen(&mut stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => Some(ended),
            _ = closed.changed() => {
                connection.as_mut().graceful_shutdown();
                _ = connection.await;
                None
            }
        }
    };
    match ended {
        // Perhaps answered before all of a body was there: a 413.
        Some(Ok(())) => no_request::linger(stream.inner_mut()).await,
        Some(Err(error)) if !asked.load(Ordering::Relaxed) => {
            no_request::refuse(stream.inner_mut(), &error).await;
        }
        // Clients go away in the middle of things all day: an error here is theirs.
        Some(Err(_)) | None => {}
    }
}

async fn answer(
    app: &Arc<App>,
    router: &Router,
    client: &Allowance,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if request.method() == Method::POST {
        match request.uri().path() {
            "/v1/orders" => return Ok(order(app, Route::ORDERS, client, peer, request).await),
            "/orders" => return Ok(order(app, Route::OLD_ORDERS, client, peer, request).await),
            _ => {}
        }
    }
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    if client.is_some() {
        request.extensions_mut().insert(Client(client.clone()));
    }
    // Boxed: what holds this future is moved for every request, orders included.
    Box::pin(router.clone().oneshot(request)).await
}

/// What [`guard::guard`] and the router do, for the one route that is worth it.
async fn order(
    app: &Arc<App>,
    route: Route,
    client: &Allowance,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let asked = Asked::new(app, route, &parts.method, &parts.headers, &mut parts.extensions);
    let (began, lang) = (asked.began, guard::lang(app, &parts.headers));
    // Pinned once here, so that the layers around it hold a pointer and not each a copy's room.
    let placed = pin!(async {
        guard::admit(app, &parts.headers, Scope::Write, client.as_deref())?;
        place(app, lang, &parts, Some(peer), body, began).await
    });
    let placed = guard::within(app, guard::caught(placed)).await;
    let mut response =
        placed.and_then(identity).and_then(identity).unwrap_or_else(|error| error.render(lang));
    asked.answered(app, &mut response);
    response
}
