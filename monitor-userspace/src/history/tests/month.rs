//! A month of a busy host, simulated: what it takes on disk.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use super::*;

const DAYS: i64 = 30;

/// A process of the simulated host. Of ten, six idle, two serve, one computes and one leaks.
struct Actor {
    pid: u32,
    start: i64,
    heap: u64,
    mapped: u64,
    descriptors: u64,
    sockets: u64,
    cpu: f64,
}

impl Actor {
    fn new(pid: u32, start: i64, random: &mut fastrand::Rng) -> Self {
        let pages = |random: &mut fastrand::Rng, most: u64| random.u64(1..most) << 12;
        Self {
            pid,
            start,
            heap: pages(random, 20_000),
            mapped: pages(random, 50_000),
            descriptors: random.u64(4..60),
            sockets: random.u64(0..20),
            cpu: 0.0,
        }
    }

    fn moves(&mut self, look: i64, random: &mut fastrand::Rng) {
        match self.pid % 10 {
            0..=5 => {
                self.cpu = if random.u32(..20) == 0 { 0.1 } else { 0.0 };
                if random.u32(..200) == 0 {
                    self.heap = self.heap.saturating_add_signed(random.i64(-3..5) << 12);
                }
            }
            6 | 7 => {
                self.cpu = random.f64() * 30.0;
                let day = (look as f64 / 2880.0 * std::f64::consts::TAU).sin();
                self.descriptors = (200.0 + 100.0 * day) as u64 + random.u64(..20);
                self.sockets = self.descriptors - random.u64(10..40);
                self.heap = self.heap.saturating_add_signed(random.i64(-60..61) << 12);
                self.mapped = self.mapped.saturating_add_signed(random.i64(-300..301) << 12);
            }
            8 => {
                self.cpu = 100.0 - random.f64();
                self.heap = random.u64(1 << 14..1 << 17) << 12;
            }
            _ => {
                self.cpu = random.f64() * 5.0;
                self.mapped += random.u64(..40) << 12;
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let anon = self.heap + (self.mapped >> 13 << 12);
        Snapshot {
            pid: self.pid,
            start_time: Some(at(self.start)),
            comm: format!("program-{}", self.pid % 60),
            cmdline: Some(format!("/usr/lib/program-{} --some option", self.pid % 60)),
            component: Some(format!("part-{}.service", self.pid % 20)),
            rss_bytes: Some(anon + (6 << 20)),
            rss_anon_bytes: Some(anon),
            swap_bytes: Some(0),
            heap_bytes: Some(self.heap),
            anon_mapped_bytes: Some(self.mapped),
            descriptors: Some(self.descriptors),
            sockets: Some(self.sockets),
            timers: Some(0),
            threads: Some(1 + self.pid % 8),
            cpu_percent: Some(self.cpu),
            ..Snapshot::default()
        }
    }
}

/// `cargo test --release -p monitor-userspace --lib history::tests::month -- --ignored --nocapture`, with
/// `MEMWATCH_MONTH_PROCESSES` for fewer than 500.
#[test]
#[ignore = "a month takes minutes"]
fn a_month_of_a_busy_host_fits_a_gibibyte() {
    let processes = std::env::var("MEMWATCH_MONTH_PROCESSES").ok();
    let processes: u32 = processes.map_or(500, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.keep = TimeSpan(Duration::from_hours(24 * 31));
    let mut store = Store::open(&options, at(T0)).unwrap();
    let mut random = fastrand::Rng::with_seed(42);
    let mut actors: Vec<Actor> =
        (1..=processes).map(|pid| Actor::new(pid, T0, &mut random)).collect();
    let (started, mut longest, mut largest) = (Instant::now(), Duration::ZERO, 0);
    let mut out = std::io::stderr();
    for look in 0..DAYS * 2880 {
        let ms = T0 + look * MINUTE / 2 + random.i64(-40..40);
        for actor in &mut actors {
            actor.moves(look, &mut random);
        }
        // A job for each of ten looks, of a tenth of the processes a day each.
        if look % 10 == 0 {
            let at = random.usize(..actors.len());
            actors[at] = Actor::new(actors[at].pid + processes, ms, &mut random);
        }
        let all = interval(ms, actors.iter().map(Actor::snapshot).collect());
        let before = Instant::now();
        store.look(&all).unwrap();
        longest = longest.max(before.elapsed());
        largest = largest.max(store.file_bytes().unwrap());
        if (look + 1) % 28_800 == 0 {
            let days = (look + 1) / 2880;
            let bytes = store.used_bytes().unwrap() as f64;
            writeln!(out, "day {days}: {:.1} MiB", bytes / 1_048_576.0).unwrap();
        }
    }
    let bytes = store.used_bytes().unwrap() as f64;
    let per_day = bytes / f64::from(processes) / DAYS as f64;
    let seconds = started.elapsed().as_secs_f64();
    writeln!(
        out,
        "{processes} processes for {DAYS} days: {:.1} MiB, {per_day:.0} bytes a process and day, the file never \
         above {:.1} MiB; {:.0} rows a second, the longest look {:.0} ms",
        bytes / 1_048_576.0,
        largest as f64 / 1_048_576.0,
        DAYS as f64 * 2880.0 * f64::from(processes) / seconds,
        longest.as_secs_f64() * 1e3,
    )
    .unwrap();
    for table in ["chunk", "five_minutes_step", "one_hour_step", "look", "series", "recent"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = store.db.query_row(&sql, [], |row| row.get(0)).unwrap();
        writeln!(out, "  {table}: {rows} rows").unwrap();
    }
    assert!(
        per_day * 500.0 * 30.0 < f64::from(1 << 30) * 0.9,
        "a month of 500 processes does not fit"
    );
    let first: i64 =
        store.db.query_row("SELECT min(hour) * 3600000 FROM chunk", [], |row| row.get(0)).unwrap();
    let half = T0 + DAYS * 24 * HOUR - 15 * 24 * HOUR;
    assert!(first < half, "nothing had to go before its time");
    let month = rows(&store, &Of::Host, T0, T0 + DAYS * 24 * HOUR, Value::Mean);
    assert_eq!(month.rows.len() as i64, DAYS * 24 + i64::from(month.rows[0].0 < T0));
}
