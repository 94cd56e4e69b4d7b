//! An agent that says what a test tells it to, on a port of its own.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use super::Address;

/// What it says to one request.
pub(crate) struct Reply {
    status: u16,
    body: String,
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into() }
    }

    /// What the agent says where it has no such route.
    pub(crate) fn no_route() -> Self {
        Self::json(404, r#"{"detail":"there is nothing at /x","status":404}"#)
    }
}

/// The fake agent; ends when dropped.
pub(crate) struct Agent {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    /// Answers each request, its head as text, with what `reply` says.
    pub(crate) fn start(reply: impl Fn(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || {
                while let Ok((stream, _)) = listener.accept()
                    && !is_over.load(Ordering::SeqCst)
                {
                    answer(stream, &reply);
                }
            }
        });
        Self { address, is_over, thread: Some(thread) }
    }

    /// Answers by path, whatever the query; 404 to every other.
    pub(crate) fn of(routes: &'static [(&'static str, &'static str)]) -> Self {
        Self::start(move |request| {
            let target = request.split(' ').nth(1).unwrap_or_default();
            let path = target.split('?').next().unwrap_or_default();
            let found = routes.iter().find(|(route, _)| *route == path);
            found.map_or_else(Reply::no_route, |(_, body)| Reply::json(200, *body))
        })
    }

    pub(crate) fn address(&self) -> Address {
        Address::Http(self.address.to_string())
    }

    pub(crate) fn url(&self) -> String {
        self.address().to_string()
    }
}

fn answer(mut stream: TcpStream, reply: &impl Fn(&str) -> Reply) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    // A body that is left unread would reset the connection under the answer.
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    });
    let _ = stream.read_exact(&mut vec![0; length.unwrap_or(0)]);
    let Reply { status, body } = reply(&head);
    let text = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // Who has gone away hears nothing.
    let _ = stream.write_all(text.as_bytes());
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread where it waits for somebody.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
