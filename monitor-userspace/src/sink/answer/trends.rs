//! `trends` as text.

use std::fmt::Write as _;

use super::{Paint, speed, watched, words};
use crate::output::{
    Direction, Trend, amount_text,
    answer::{ProcessTrends, Trends},
};

/// Processes that are shown; the others are counted.
const SHOWN: usize = 25;

/// The answer of `trends`.
pub fn trends(answer: &Trends<'_>, paint: Paint) -> String {
    let mut text = format!(
        "{}\n",
        paint.bold(&format!("trends over {}", watched(answer.tracking_seconds, answer.scope)))
    );
    for trend in [answer.host.memory, answer.host.cpu].into_iter().flatten() {
        // A String takes whatever is written.
        let _ = writeln!(text, "host: {}", host_line(trend));
    }
    if !answer.processes.is_empty() {
        let head = format!(
            "{:>8} {:<16} {:<31} {:>10} {:>10} {:>11}  95 %",
            "PID", "NAME", "WHAT", "FIRST", "LAST", "A MINUTE"
        );
        let _ = writeln!(text, "{}", paint.bold(&head));
    }
    for process in answer.processes.iter().take(SHOWN) {
        text.push_str(&rows(process));
    }
    let more = answer.processes.len().saturating_sub(SHOWN);
    for (count, what) in [
        (more, "more move, more slowly (--json has all)"),
        (answer.steady_processes, "hold what they held"),
        (answer.unknown_processes, "were seen too briefly to tell"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{count:>8} {what}");
        }
    }
    text
}

fn host_line(trend: &Trend) -> String {
    let amount = |value| amount_text(value, trend.unit);
    let last = amount(trend.last);
    match trend.direction {
        Direction::Steady => format!("{} is steady at {last}", trend.resource),
        _ => format!(
            "{} {} by {}, from {} to {last}",
            trend.resource,
            if trend.direction == Direction::Rising { "rises" } else { "falls" },
            speed(trend),
            amount(trend.first),
        ),
    }
}

fn rows(process: &ProcessTrends<'_>) -> String {
    let (mut pid, mut name) = (process.pid.to_string(), words::short_name(process.comm));
    let mut text = String::new();
    for trend in &process.trends {
        let amount = |value| amount_text(value, trend.unit);
        let sign = if trend.rate_per_min > 0.0 { "+" } else { "" };
        let rate = format!("{sign}{}", amount(trend.rate_per_min));
        let ended = if process.ended { "  (ended)" } else { "" };
        let [low, high] = trend.rate_interval.map(amount);
        let _ = writeln!(
            text,
            "{pid:>8} {name:<16} {:<31} {:>10} {:>10} {rate:>11}  {low} to {high}{ended}",
            trend.resource,
            amount(trend.first),
            amount(trend.last),
        );
        // Once is enough.
        pid.clear();
        name.clear();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::answer::tests::{trend, view};

    #[test]
    fn each_measure_that_moved_has_a_row_and_the_rest_is_counted() {
        let mut view = view();
        let mib = f64::from(1 << 20);
        view.processes[0].trends = vec![
            trend("heap", "bytes", Direction::Rising, 5.0 * mib),
            trend("sockets", "items", Direction::Falling, -2.0),
        ];
        view.processes.extend([<_>::default(), <_>::default()]);
        view.host_cpu = Some(trend("CPU", "percent", Direction::Steady, 0.0));
        let text = trends(&Trends::of(&view), Paint::default());
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "trends over 180 s of every process",
                "host: memory in use rises by 4.0 MiB/min (95 %: 4.0 MiB to 4.0 MiB), from 100 B to \
                 12.0 MiB",
                "host: CPU is steady at 100.0 %",
                "PID NAME WHAT FIRST LAST A MINUTE 95 %",
                "7 api heap 100 B 15.0 MiB +5.0 MiB 5.0 MiB to 5.0 MiB",
                "sockets 100 94 -2 -3 to -1",
                "2 were seen too briefly to tell",
            ]
        );
    }
}
