//! A tiny loopback HTTP server of which every byte is under a test's control.
#![allow(dead_code, reason = "each test file uses the part that it needs")]

#[cfg(feature = "http")]
pub(crate) mod http;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A server on a loopback port; a thread a connection. Its port is closed on drop.
pub(crate) struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    open: AtomicUsize,
    peak: AtomicUsize,
    accepted: AtomicUsize,
}

impl Server {
    /// Runs `handler` for each connection; the connection is closed when it returns.
    pub(crate) fn start(handler: impl Fn(Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
        let addr = listener.local_addr().expect("the socket is bound");
        let shared = Arc::new(Shared::default());
        let (accepting, handler) = (Arc::clone(&shared), Arc::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (counts, handler) = (Arc::clone(&accepting), Arc::clone(&handler));
                counts.accepted.fetch_add(1, Ordering::SeqCst);
                let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
                counts.peak.fetch_max(open, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let _open = Open(counts);
                    handler(Connection { reader: BufReader::new(stream) });
                });
            }
        });
        Self { addr, shared }
    }

    /// Answers every request with `answer`, keeping connections alive.
    pub(crate) fn answering(
        answer: impl Fn(&Received) -> (u16, Vec<u8>) + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |mut connection| {
            while let Some(request) = connection.request() {
                let (status, body) = answer(&request);
                if !connection.reply(status, &body) {
                    return;
                }
            }
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address it listens on.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The most connections that were open at once.
    pub(crate) fn peak(&self) -> usize {
        self.shared.peak.load(Ordering::SeqCst)
    }

    /// The connections that were ever accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.addr));
    }
}

struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One request as it came over the wire.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The values of all headers of this name.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// One accepted connection.
pub(crate) struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// The next request; `None` when the client has closed the connection or sent something else.
    pub(crate) fn request(&mut self) -> Option<Received> {
        let line = self.line()?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':')?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut received = Received { method, target, headers, body: Vec::new() };
        if let Some(length) = received.header("content-length").first() {
            let mut body = vec![0; length.parse().ok()?];
            self.reader.read_exact(&mut body).ok()?;
            received.body = body;
        }
        Some(received)
    }

    /// Sends a whole response; false when the client is gone.
    pub(crate) fn reply(&mut self, status: u16, body: &[u8]) -> bool {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        self.raw(head.as_bytes()) && self.raw(body)
    }

    /// Sends these bytes; false when the client is gone.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> bool {
        self.reader.get_mut().write_all(bytes).is_ok()
    }

    /// Sends these bytes, whether or not the client is still there.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.raw(bytes);
    }

    /// Waits for the first byte of a request without taking it: a close then resets the connection.
    pub(crate) fn peek(&mut self) -> bool {
        self.reader.get_mut().peek(&mut [0]).is_ok_and(|bytes| bytes == 1)
    }

    /// Sends `byte` again and again, `pause` apart, until the client closes the connection.
    pub(crate) fn drip(&mut self, byte: u8, pause: Duration) {
        self.reader.get_mut().set_read_timeout(Some(pause)).expect("the pause is not zero");
        while self.raw(&[byte]) && !matches!(self.reader.read(&mut [0]), Ok(0)) {}
    }

    /// Waits until the client closes the connection.
    pub(crate) fn wait_closed(&mut self) {
        while matches!(self.reader.read(&mut [0; 256]), Ok(1..)) {}
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(1..) if line.ends_with("\r\n") => Some(line.trim_end().to_owned()),
            _ => None,
        }
    }
}
