//! Over a real socket: the order route beside the router, pipelining, shutdown.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::api::{Api, order};

struct Served {
    address: std::net::SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
}

async fn serve(api: &Api) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let app = api.app.clone();
    let server = tokio::spawn(web::serve(listener, app, &[], async move { _ = stopped.await }));
    Served { address, stop, server }
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

async fn talk(address: std::net::SocketAddr, sent: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn the_order_route_answers_as_the_router_does() {
    let api = Api::new();
    let served = serve(&api).await;
    let last = "GET /v1/orders/o-1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let huge = format!("{}GET", post("/v1/orders", &"x".repeat(300 << 10)));
    let asked = [
        post("/v1/orders", &order("o-1")),
        post("/v1/orders", &order("o-1")),
        post("/orders", &order("o-2")),
        post("/v1/orders", "{"),
        post("/v1/nothing", "{}"),
        last.to_owned(),
    ];
    let text = talk(served.address, &asked.concat()).await;
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect();
    assert_eq!(statuses, ["202", "409", "202", "400", "404", "200"]);
    assert!(text.contains("location: /v1/orders/o-1?merchant_id=shop"));
    assert!(text.contains("\"isDuplicate\":false"));
    let text = talk(served.address, &huge[..400]).await;
    assert!(text.starts_with("HTTP/1.1 413"), "refused by its announced length: {text}");
    _ = served.stop.send(());
    served.server.await.unwrap();
}

#[tokio::test]
async fn shutdown_waits_for_what_was_accepted_and_not_for_the_idle() {
    let api = Api::new();
    let served = serve(&api).await;
    let idle = TcpStream::connect(served.address).await.unwrap();
    let mut busy = TcpStream::connect(served.address).await.unwrap();
    let request = post("/v1/orders", &order("o-1"));
    let (head, tail) = request.split_at(request.len() - 10);
    busy.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    _ = served.stop.send(());
    tokio::time::sleep(Duration::from_millis(100)).await;
    busy.write_all(tail.as_bytes()).await.unwrap();
    let mut text = String::new();
    busy.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 202"), "{text}");
    let stopped = tokio::time::timeout(Duration::from_secs(5), served.server);
    stopped.await.expect("the idle connection holds nobody up").unwrap();
    drop(idle);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let api = Api::with(|app| app.settings.limits.request = Duration::from_millis(200));
    let served = serve(&api).await;
    let request = post("/v1/orders", &order("o-1"));
    let text = talk(served.address, &request[..request.len() - 1]).await;
    assert!(text.starts_with("HTTP/1.1 408") || text.starts_with("HTTP/1.1 503"), "{text}");
}
