//! `metrics` and `performance` as text.

use std::{fmt::Write as _, str::FromStr};

use serde_json::Value;

use crate::{
    client::words::{counted, list, number, state, text},
    sink::Paint,
};

/// Minutes that are looked back at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(pub u32);

impl FromStr for Period {
    type Err = String;

    /// A bare number is minutes, as in the API.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no period: write 60 (minutes), 30m, 2h or 1d");
        let timed = || Some(crate::cli::duration(text).ok()?.as_secs_f64() / 60.0);
        let minutes = text.parse::<u32>().ok().or_else(|| Some(timed()?.round() as u32));
        let minutes = minutes.unwrap_or(0);
        if minutes == 0 { Err(wrong()) } else { Ok(Self(minutes)) }
    }
}

/// Memory, CPU and times of a period.
pub(super) fn metrics(answer: &Value, paint: Paint) -> String {
    let stats = &answer["stats"];
    let period = text(&answer["period"]);
    let head = format!("{:<28}{:>12}{:>12}", format!("the last {period} min"), "AVERAGE", "PEAK");
    let mut all = format!("{}\n", paint.bold(&head));
    for (name, average, peak, unit) in [
        ("memory", "averageMemory", "peakMemory", " MB"),
        ("CPU", "averageCpu", "peakCpu", " %"),
        ("lag of the event loop", "averageEventLoopLag", "peakEventLoopLag", " ms"),
    ] {
        let [average, peak] = [average, peak].map(|field| number(&stats[field], 1, unit));
        // A String takes whatever is written, here and below.
        let _ = writeln!(all, "{name:<28}{average:>12}{peak:>12}");
    }
    let collections = number(&stats["gcFrequency"], 1, "");
    let _ = writeln!(all, "{:<28}{collections:>12}", "garbage collections an hour");
    let times = &stats["responseTime"];
    let of = |name: &str| number(&times[name], 1, " ms");
    let _ = writeln!(
        all,
        "{:<28}{:>12} (95 %: {}, 99 %: {})",
        "response time",
        of("p50"),
        of("p95"),
        of("p99")
    );
    all
}

/// How it went, in short.
pub(super) fn performance(answer: &Value, paint: Paint) -> String {
    let summary = &answer["summary"];
    let health = &summary["healthStatus"];
    let health = match health {
        Value::Null => "too little was seen to tell".to_owned(),
        word => state(word, paint),
    };
    let mut all = format!(
        "{health}: {} h watched, {}, {}\n",
        number(&summary["trackingDuration"], 2, ""),
        counted(&summary["totalMetrics"], "look", "looks"),
        counted(&summary["alerts"], "alert", "alerts")
    );
    let trends = &answer["trends"];
    for (name, field, rate, unit) in [
        ("memory", "memoryTrend", "memoryRate", " MB/min"),
        ("CPU", "cpuTrend", "cpuRate", " %/min"),
        ("response times", "performanceTrend", "performanceRate", " ms/min"),
    ] {
        let word = trends[field].as_str().unwrap_or("unknown");
        let rate = trends[rate].as_f64().filter(|_| matches!(word, "increasing" | "decreasing"));
        let rate = rate.map(|rate| format!(" by {:.1}{unit}", rate.abs())).unwrap_or_default();
        // A String takes whatever is written.
        let _ = writeln!(all, "  {name:<16}{}{rate}", crate::sink::escape(word));
    }
    all + &list("what to do", &answer["recommendations"], paint)
}
