//! What the real programs in Rust share, as README.md describes it.
#![allow(dead_code, reason = "not every program needs all of it")]
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(100);

pub struct Real {
    pub rate: f64,
    noise: f64,
    onset: f64,
    duration: f64,
    random: u64,
    pub held: i64,
    progress: Option<File>,
    started: Instant,
}

fn setting(name: &str, otherwise: f64) -> f64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

impl Real {
    pub fn start(rate: f64) -> Self {
        let file = |path| File::options().write(true).create(true).truncate(false).open(path);
        Self {
            rate: setting("RATE", rate),
            noise: setting("NOISE", 0.5),
            onset: setting("ONSET", 0.0),
            duration: setting("DURATION", 1e9),
            random: setting("SEED", 1.0) as u64 * 2_654_435_769 + 1,
            held: 0,
            progress: std::env::var_os("PROGRESS").map(|path| file(path).unwrap()),
            started: Instant::now(),
        }
    }

    pub fn elapsed(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// 0 to 1 (xorshift64*).
    pub fn random(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(2_685_821_657_736_338_717) >> 11) as f64 / 2f64.powi(53)
    }

    pub fn step(&self) -> bool {
        sleep(STEP);
        self.elapsed() < self.duration
    }

    pub fn holds(&mut self, units: i64) {
        self.held = units;
        if let Some(file) = &self.progress {
            file.write_all_at(format!("{units:020}\n").as_bytes(), 0).unwrap();
        }
    }

    pub fn due(&mut self) -> f64 {
        let seconds = (self.elapsed() - self.onset).max(0.0);
        let share = 1.0 - self.noise * self.random();
        (self.rate * seconds - self.held as f64) * share
    }
}
