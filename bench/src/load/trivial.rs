//! The cheapest server there can be: it answers every request with the same 202.
//!
//! It shows what the load generator costs by itself. Never: a look at the document.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\n\
    content-length: 66\r\n\r\n\
    {\"order_id\":\"ORD-2025-000000000001\",\"status\":\"COMPLETED\",\"a\":\"bc\"}";

/// Serves until the process ends, on the calling thread.
///
/// # Errors
/// The listener or epoll fails.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut sockets: Vec<TcpStream> = Vec::new();
    let mut events = Vec::with_capacity(256);
    let mut buffer = vec![0; 64 * 1024];
    let _ = rustix::net::sockopt::set_tcp_congestion(listener, "reno");
    listener.set_nonblocking(true)?;
    epoll::add(&epoll, listener, EventData::new_u64(u64::MAX), EventFlags::IN)?;
    loop {
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            match event.data.u64() {
                u64::MAX => accept(listener, &epoll, &mut sockets)?,
                at => answer(&mut sockets[at as usize], &mut buffer),
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    epoll: &rustix::fd::OwnedFd,
    sockets: &mut Vec<TcpStream>,
) -> io::Result<()> {
    while let Ok((socket, _)) = listener.accept() {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let at = EventData::new_u64(sockets.len() as u64);
        epoll::add(epoll, &socket, at, EventFlags::IN | EventFlags::ET)?;
        sockets.push(socket);
    }
    Ok(())
}

/// Takes one read for one request, as the generator writes it in one piece.
fn answer(socket: &mut TcpStream, buffer: &mut [u8]) {
    if socket.read(buffer).is_ok_and(|read| read > 0) {
        // A peer that went away needs no answer.
        let _ = socket.write(ANSWER);
    }
}
