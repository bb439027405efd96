//! Receivers that misbehave, each in its own way.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::*;
use crate::reach::Plain;

/// 2015-10-21 07:28:00 UTC.
const NOW: i64 = 1_445_412_480;

fn client(reach: Reach) -> Client {
    Client::new(reach, Arc::new(|| Timestamp(NOW * 1_000_000))).unwrap()
}

fn local() -> Reach {
    let allowed = vec!["127.0.0.0/8".parse().unwrap()];
    Reach::Public { allowed, plain: Plain::Allowed }
}

/// Parts of an answer, with a pause behind each.
type Parts = Vec<(Vec<u8>, Duration)>;

fn at_once(answer: &str) -> Parts {
    vec![(answer.as_bytes().to_vec(), Duration::ZERO)]
}

/// A receiver that answers one connection with `parts` and hangs up.
async fn receiver(parts: Parts) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"{}") {
            stream.read_buf(&mut request).await.unwrap();
        }
        for (part, pause) in parts {
            if stream.write_all(&part).await.is_err() {
                return;
            }
            sleep(pause).await;
        }
    });
    address
}

async fn call(address: SocketAddr) -> Result<Reply, Error> {
    let url = format!("http://{address}/hook?token=secret").parse().unwrap();
    let timeout = Duration::from_millis(300);
    let call = Call { url, headers: HeaderMap::new(), body: "{}".into(), timeout };
    client(local()).post(call).await
}

async fn answered(head: &str) -> Outcome {
    let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n");
    outcome(&call(receiver(at_once(&answer)).await).await)
}

fn unavailable(outcome: Outcome) -> (Box<str>, Option<Duration>) {
    match outcome {
        Outcome::Unavailable { reason, retry_after } => (reason, retry_after),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn statuses_mean_what_they_say() {
    assert_eq!(answered("200 OK").await, Outcome::Delivered);
    assert_eq!(answered("204 No Content").await, Outcome::Delivered);
    for (head, reason) in
        [("400 Bad", "answered 400 Bad Request"), ("404 Not Found", "answered 404 Not Found")]
    {
        assert_eq!(answered(head).await, Outcome::Refused { reason: reason.into() });
    }
    assert_eq!(answered("410 Gone").await, Outcome::Gone { reason: "answered 410 Gone".into() });
    for head in ["408 Slow", "429 Many", "500 Broken", "502 Bad", "503 Full", "504 Late"] {
        unavailable(answered(head).await);
    }
    let (reason, _) = unavailable(answered("308 Gone\r\nLocation: https://other/").await);
    let said = "answered 308 Permanent Redirect: redirects to https://other/; \
        redirects are not followed";
    assert_eq!(&*reason, said);
}

#[tokio::test]
async fn a_receiver_may_ask_for_time_in_seconds_or_by_a_date_up_to_a_day() {
    for (asked, seconds) in [
        ("120", Some(120)),
        ("Wed, 21 Oct 2015 07:30:00 GMT", Some(120)),
        ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
        ("99999999999", Some(86_400)),
        ("Wed, 21 Oct 2099 07:30:00 GMT", Some(86_400)),
        ("-1", None),
        ("soon", None),
    ] {
        let (_, retry_after) =
            unavailable(answered(&format!("429 M\r\nRetry-After: {asked}")).await);
        assert_eq!(retry_after, seconds.map(Duration::from_secs), "{asked}");
    }
}

#[tokio::test]
async fn more_than_the_bound_is_not_read_and_the_answer_counts() {
    let length = 10 << 20;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    // The end of it never comes: whoever waited for it would time out.
    let some = (vec![b'x'; REPLY_BYTES_MAX + 1], Duration::from_secs(5));
    let reply = call(receiver(vec![(head, Duration::ZERO), some]).await).await.unwrap();
    assert_eq!(reply.body.len(), REPLY_BYTES_MAX);
    assert_eq!(outcome(&Ok(reply)), Outcome::Delivered);
}

#[tokio::test]
async fn a_receiver_that_hangs_or_dribbles_is_left_in_time() {
    let silent = vec![(Vec::new(), Duration::from_secs(5))];
    let bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789".bytes();
    let dribbling = bytes.map(|byte| (vec![byte], Duration::from_millis(20))).collect();
    for parts in [silent, dribbling] {
        let result = call(receiver(parts).await).await;
        assert_eq!(result, Err(Error::Timeout));
        assert_eq!(&*unavailable(outcome(&result)).0, "no answer in time");
    }
}

#[tokio::test]
async fn what_breaks_is_said_without_the_address() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    for (address, why) in [
        (receiver(at_once(cut)).await, "end of file before"),
        (receiver(at_once("SSH-2.0-OpenSSH\r\n")).await, "invalid HTTP"),
        (receiver(at_once("")).await, "closed before"),
        (dead, "refused"),
    ] {
        let (reason, _) = unavailable(outcome(&call(address).await));
        assert!(reason.contains(why), "{reason}");
        assert!(!reason.contains("token"), "{reason}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    let address = receiver(at_once("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let call = || Call {
        url: format!("http://localhost:{}/", address.port()).parse().unwrap(),
        headers: HeaderMap::new(),
        body: "{}".into(),
        timeout: Duration::from_secs(5),
    };
    let public = Reach::Public { allowed: Vec::new(), plain: Plain::Allowed };
    let refused = client(public).post(call()).await;
    let why = Forbidden::Resolves { name: "localhost".into() };
    assert_eq!(refused, Err(Error::Forbidden(why)));
    assert_eq!(client(local()).post(call()).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_literal_address_is_refused_before_anything_is_sent() {
    let address = receiver(at_once("")).await;
    let url = format!("http://{address}/").parse().unwrap();
    let public = Reach::Public { allowed: Vec::new(), plain: Plain::Allowed };
    let timeout = Duration::from_secs(5);
    let call = Call { url, headers: HeaderMap::new(), body: "{}".into(), timeout };
    let refused = client(public).post(call).await;
    assert_eq!(refused, Err(Error::Forbidden(Forbidden::Private(address.ip()))));
}
