//! redis without persistence, under redis-benchmark.

use anyhow::{Context as _, Result};

use super::server::{Cpus, Dir, Server, answers, free_port};
use crate::sh;

const CLIENTS: &str = "20";
/// What is asked for, one after the other.
const TESTS: [&str; 2] = ["SET", "GET"];
/// Requests of each test, before it is known how many there are in a second.
const FIRST_REQUESTS: u64 = 20_000;

pub(super) struct Redis {
    _server: Server,
    _dir: Dir,
    port: u16,
    per_second: Option<f64>,
}

impl Redis {
    pub(super) fn start(cpus: &Cpus) -> Result<Self> {
        let (dir, port) = (Dir::make("redis")?, free_port()?);
        let mut command = cpus.server("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"]);
        let server = Server::start(command.arg(dir.path()), || answers(port))?;
        Ok(Self { _server: server, _dir: dir, port, per_second: None })
    }

    /// Makes as many requests as took so long the last time.
    pub(super) fn requests_per_second(&mut self, cpus: &Cpus, seconds: u32) -> Result<f64> {
        let requests = self.per_second.map_or(FIRST_REQUESTS, |per_second| {
            (per_second * f64::from(seconds) / TESTS.len() as f64) as u64
        });
        let mut command = cpus.client("redis-benchmark");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", CLIENTS, "--csv"]);
        command.args(["-t", "set,get", "-n", &requests.to_string()]);
        let text = sh::output(&mut command)?;
        let per_second = of_csv(&text)
            .with_context(|| format!("`{}` printed {text:?}", sh::quoted(&command)))?;
        // The same work in every run that is compared.
        self.per_second.get_or_insert(per_second);
        Ok(per_second)
    }
}

/// Requests a second of all tests together, of which each makes the same number.
fn of_csv(text: &str) -> Option<f64> {
    let seconds = |test: &&str| {
        let start = format!("\"{test}\",\"");
        let line = text.lines().find_map(|line| line.strip_prefix(&start))?;
        Some(1.0 / line.split('"').next()?.parse::<f64>().ok()?)
    };
    let seconds: Option<Vec<f64>> = TESTS.iter().map(seconds).collect();
    let seconds: f64 = seconds?.iter().sum();
    Some(TESTS.len() as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_both_tests_is_that_of_their_time() {
        let text =
            "\"test\",\"rps\",\"avg\"\n\"SET\",\"100.00\",\"0.1\"\n\"GET\",\"300.00\",\"0.1\"\n";
        assert!((of_csv(text).unwrap() - 150.0).abs() < 1e-9);
        assert_eq!(of_csv("\"SET\",\"100.00\"\n"), None);
    }
}
