//! Servers under a gentle load for as long as they run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use crate::servers::{Nginx, Postgres, Redis, Server};

/// A server, and a little of its load.
trait Loaded: Send {
    fn server(&self) -> &Server;
    /// A few seconds' worth.
    fn load(&self);
}

/// How much redis may hold: enough for about five minutes of its load.
const MAX_MEMORY: &[u8] = b"CONFIG SET maxmemory 40mb\r\n";
const EVICTS: &[u8] = b"CONFIG SET maxmemory-policy allkeys-lru\r\n";

impl Loaded for Redis {
    fn server(&self) -> &Server {
        &self.server
    }

    fn load(&self) {
        let writes = ["-t", "set", "-n", "100", "-c", "2", "-r", "1000000", "-d", "800"];
        Self::load(self, false, &writes);
        sleep(Duration::from_secs(1));
    }
}

impl Loaded for Postgres {
    fn server(&self) -> &Server {
        &self.server
    }

    fn load(&self) {
        // Twenty transactions a second.
        self.bench(false, &["-c", "4", "-T", "5", "--rate", "20"]);
    }
}

impl Loaded for Nginx {
    fn server(&self) -> &Server {
        &self.server
    }

    fn load(&self) {
        for path in ["/index.html", "/passed"] {
            Self::load(path, 8, 1);
            sleep(Duration::from_secs(6));
        }
    }
}

/// A server that ends, with its load, when this is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    pids: Vec<u32>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    pub(super) fn redis() -> Self {
        let mut redis = Redis::start();
        redis.request(MAX_MEMORY, b"+OK\r\n");
        redis.request(EVICTS, b"+OK\r\n");
        Self::start(redis)
    }

    pub(super) fn postgres() -> Self {
        let postgres = Postgres::start();
        postgres.bench(false, &["--initialize", "--quiet", "--scale", "1"]);
        Self::start(postgres)
    }

    pub(super) fn nginx() -> Self {
        Self::start(Nginx::start())
    }

    fn start(loaded: impl Loaded + 'static) -> Self {
        let pids = loaded.server().pids();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                loaded.load();
            }
        });
        Self { pids, stop, thread: Some(thread) }
    }

    /// The server's process that was started.
    pub(super) fn pid(&self) -> u32 {
        self.pids[0]
    }

    /// Whether its load goes on.
    pub(super) fn runs(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // What went wrong there has been said there.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
