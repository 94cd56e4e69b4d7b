//! Receivers of alerts: HTTP that fails, delays, dies and recovers; SMTP; and readers of what arrived.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use serde_json::Value;

const POLL: Duration = Duration::from_millis(20);

/// How a receiver of HTTP treats who posts.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The status it answers with. Only what is answered with 200 was received.
    pub status: u16,
    /// How long it takes.
    pub delay: Duration,
}

/// A request that was received.
#[derive(Clone, Debug)]
pub struct Post {
    /// To which path.
    pub path: String,
    /// Its head.
    pub head: String,
    /// Its body.
    pub body: Value,
}

#[derive(Debug)]
struct Inbox {
    manner: Manner,
    posts: Vec<Post>,
    turned_away: usize,
}

/// A receiver of HTTP; dies when dropped.
#[derive(Debug)]
pub struct Http {
    port: u16,
    inbox: Arc<Mutex<Inbox>>,
    life: Option<Life>,
}

/// A thread that serves a port.
#[derive(Debug)]
struct Life {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Life {
    fn begin(listener: TcpListener, serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        listener.set_nonblocking(true).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).unwrap();
                        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                        serve(stream);
                    }
                    Err(_) => sleep(POLL),
                }
            }
        });
        Self { is_over, thread }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

impl Http {
    /// Listens, and takes everything.
    pub fn start() -> Self {
        let manner = Manner { status: 200, delay: Duration::ZERO };
        let inbox = Inbox { manner, posts: Vec::new(), turned_away: 0 };
        let mut http = Self { port: 0, inbox: Arc::new(Mutex::new(inbox)), life: None };
        http.revive();
        http
    }

    /// Where it listens.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Treats who posts like this from now on.
    pub fn behave(&self, status: u16, delay: Duration) {
        self.inbox.lock().unwrap().manner = Manner { status, delay };
    }

    /// Listens no longer: who connects is refused by the kernel.
    pub fn die(&mut self) {
        if let Some(life) = self.life.take() {
            life.end();
        }
    }

    /// Listens again, at the same port.
    pub fn revive(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        self.port = listener.local_addr().unwrap().port();
        let inbox = Arc::clone(&self.inbox);
        self.life = Some(Life::begin(listener, move |stream| {
            // Who goes away in the middle was not served.
            let _ = serve_http(stream, &inbox);
        }));
    }

    /// Requests that were not taken.
    pub fn turned_away(&self) -> usize {
        self.inbox.lock().unwrap().turned_away
    }

    /// What was received at a path.
    pub fn posts(&self, path: &str) -> Vec<Post> {
        let inbox = self.inbox.lock().unwrap();
        inbox.posts.iter().filter(|post| post.path == path).cloned().collect()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.die();
    }
}

fn serve_http(mut stream: TcpStream, inbox: &Mutex<Inbox>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let manner = inbox.lock().unwrap().manner;
    sleep(manner.delay);
    {
        let mut inbox = inbox.lock().unwrap();
        if manner.status == 200 {
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            inbox.posts.push(Post { path, head, body });
        } else {
            inbox.turned_away += 1;
        }
    }
    let status = manner.status;
    write!(stream, "HTTP/1.1 {status} S\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

/// A receiver of mail; dies when dropped.
#[derive(Debug)]
pub struct Smtp {
    port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    life: Option<Life>,
}

impl Smtp {
    /// Listens.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&mails);
        let life = Life::begin(listener, move |stream| {
            // Who goes away in the middle was not served.
            let _ = serve_smtp(stream, &taken);
        });
        Self { port, mails, life: Some(life) }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Mails that came, as they were sent.
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        if let Some(life) = self.life.take() {
            life.end();
        }
    }
}

fn serve_smtp(mut stream: TcpStream, mails: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    stream.write_all(b"220 receiver\r\n")?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let word = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                let mut mail = String::new();
                while !mail.ends_with("\r\n.\r\n") {
                    if reader.read_line(&mut mail)? == 0 {
                        return Ok(());
                    }
                }
                mails.lock().unwrap().push(mail);
                stream.write_all(b"250 taken\r\n")?;
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n"),
            _ => stream.write_all(b"250 fine\r\n")?,
        }
        line.clear();
    }
    Ok(())
}

/// How often each finding was told that it began and that it is over.
pub type Told = BTreeMap<String, (usize, usize)>;

/// Counts in bodies of webhooks.
pub fn told_by_json<'a>(bodies: impl IntoIterator<Item = &'a Value>) -> Told {
    let mut told = Told::new();
    for alert in bodies.into_iter().flat_map(|body| body["alerts"].as_array().unwrap()) {
        let id = alert["labels"]["finding"].as_str().unwrap().to_owned();
        count(&mut told, id, alert["status"] == "firing");
    }
    told
}

/// Counts in texts for people: their lines say `FINDING … (finding ID)` or `RESOLVED …`.
pub fn told_by_text(texts: &[String]) -> Told {
    let mut told = Told::new();
    for text in texts {
        // Soft ends of lines of a mail.
        let text = text.replace("=\r\n", "").replace("=\n", "");
        for line in text.lines() {
            let is_open = line.starts_with("FINDING ");
            let Some((_, rest)) = line.split_once("(finding ") else { continue };
            if is_open || line.starts_with("RESOLVED ") {
                count(&mut told, rest.split(')').next().unwrap().to_owned(), is_open);
            }
        }
    }
    told
}

fn count(told: &mut Told, id: String, is_open: bool) {
    let (opens, ends) = told.entry(id).or_default();
    *(if is_open { opens } else { ends }) += 1;
}
