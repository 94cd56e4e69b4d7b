//! Plain lines for people, pipes and logs; no colours, no cursor movement.

use std::{fmt::Write as _, io::Write as _};

use super::{
    Sink, escape,
    words::{amount, finding_line, scope, second, short_name, subject},
};
use crate::output::{
    Finding, Header, Interval, Output, RuleError, Snapshot, Stats, Summary, byte_text,
};

/// Processes shown in an interval; the others are summed up.
const SHOWN: usize = 25;

/// The plain form.
#[derive(Debug, Default)]
pub struct Plain;

impl Sink for Plain {
    fn write(&mut self, output: &Output<'_>, into: &mut Vec<u8>) {
        let text = match output {
            Output::Header(header) => header_line(header),
            Output::Event(_) | Output::Final(_) => return,
            Output::Interval(interval) => interval_lines(interval, SHOWN),
            Output::RuleError(error) => format!("{}\n", rule_error_line(error)),
            Output::Finding(finding) => format!("{}\n", finding_line(finding)),
            Output::Summary(summary) => summary_lines(summary),
        };
        // A Vec takes whatever is written.
        let _ = into.write_all(text.as_bytes());
    }
}

fn header_line(header: &Header) -> String {
    let skipped: Vec<&str> = header
        .attach
        .iter()
        .filter(|(_, hook)| *hook == "none")
        .map(|(name, _)| name.as_str())
        .collect();
    let how = if skipped.len() == header.attach.len() {
        "from /proc alone".to_owned()
    } else if skipped.is_empty() {
        "all probes attached".to_owned()
    } else {
        format!("without probes {}", skipped.join(", "))
    };
    format!(
        "memwatch-ebpf {} on {} (Linux {}): watching {}, {how}\n",
        header.version,
        escape(&header.host),
        header.kernel,
        scope(&header.filters)
    )
}

/// The table of an interval: the largest holders first.
pub(super) fn interval_lines(interval: &Interval, shown: usize) -> String {
    let mut rows: Vec<&Snapshot> = interval.snapshots.iter().collect();
    let growing = |row: &Snapshot| interval.open_findings.iter().any(|f| f.pid == Some(row.pid));
    rows.sort_by_key(|row| {
        (!growing(row), std::cmp::Reverse(row.rss_anon_bytes.unwrap_or(0)), row.pid)
    });
    let mut text = second(interval.ts);
    if let Some(host) = &interval.host {
        let (total, available) = (host.mem_total_bytes, host.mem_available_bytes);
        let used = total.saturating_sub(available);
        let _ = write!(text, "  memory used {} of {}", bytes(used), bytes(total));
    }
    let _ = writeln!(text, "  {} processes, {}", rows.len(), stats_text(&interval.stats));
    let _ = writeln!(
        text,
        "{:>8} {:<16} {:>10} {:>10} {:>10} {:>10} {:>10} {:>6}  GROWTH",
        "PID", "NAME", "RSS", "ANON", "HEAP", "MAPPED", "SHARED", "CPU%"
    );
    for row in rows.iter().take(shown) {
        let growth = interval.open_findings.iter().find(|finding| finding.pid == Some(row.pid));
        text.push_str(row_line(row, growth).trim_end());
        text.push('\n');
    }
    if let Some(rest) = rows.get(shown..).filter(|rest| !rest.is_empty()) {
        let anon = rest.iter().filter_map(|row| row.rss_anon_bytes).sum();
        let _ = writeln!(text, "{:>8} {} more, together {} anonymous", "", rest.len(), bytes(anon));
    }
    text
}

fn row_line(row: &Snapshot, growth: Option<&Finding>) -> String {
    let name = short_name(&row.comm);
    let growth = growth.map_or(String::new(), growth_text);
    let cpu = row.cpu_percent.map_or("-".to_owned(), |cpu| format!("{cpu:.1}"));
    format!(
        "{:>8} {name:<16} {:>10} {:>10} {:>10} {:>10} {:>10} {cpu:>6}  {growth}",
        row.pid,
        maybe(row.rss_bytes),
        maybe(row.rss_anon_bytes),
        maybe(row.heap_bytes),
        maybe(row.anon_mapped_bytes),
        maybe(row.shared_mapped_bytes),
    )
}

/// Growth in a row of the table: how fast, of what, and how sure it is a leak.
fn growth_text(finding: &Finding) -> String {
    let Some(rate) = finding.rate_per_min else { return finding.rule.clone() };
    let sure = finding.confidence.map_or(String::new(), |sure| format!(" {:.0} %", sure * 100.0));
    format!("{}/min ({}){sure}", amount(finding, rate), finding.resource)
}

/// The sentence of a rule that could not be evaluated.
pub(super) fn rule_error_line(error: &RuleError) -> String {
    let who = subject(error.pid, error.comm.as_deref(), error.component.as_deref());
    format!("RULE ERROR {} {who}: {}", error.rule, escape(&error.message))
}

fn summary_lines(summary: &Summary) -> String {
    let mut text = format!("\nsummary after {:.1} s: ", summary.seconds);
    let _ = writeln!(text, "{} processes, {}", summary.stats.processes, stats_text(&summary.stats));
    match summary.accuracy {
        Some((0, checked)) => {
            let _ =
                writeln!(text, "  mappings of {checked} processes agree with /proc to the byte");
        }
        Some((worst, checked)) => {
            let _ = writeln!(
                text,
                "  mappings of {checked} processes checked against /proc, the worst is off by {}",
                bytes(worst)
            );
        }
        None => {}
    }
    if summary.stats.events_lost > 0 {
        let _ = writeln!(
            text,
            "  {} events were lost: what they touched was read again from /proc",
            summary.stats.events_lost
        );
    }
    if let Some(status) = summary.command_status {
        let _ = writeln!(text, "  the command ended with status {status}");
    }
    if summary.findings.is_empty() {
        text.push_str("  no findings\n");
    }
    if summary.earlier_findings > 0 {
        let _ = writeln!(text, "  {} earlier findings", summary.earlier_findings);
    }
    for finding in &summary.findings {
        let _ = writeln!(text, "  {}", finding_line(finding));
    }
    text
}

fn stats_text(stats: &Stats) -> String {
    let mut text = format!("{} events", stats.events_seen);
    if stats.events_lost > 0 {
        let _ = write!(text, " ({} lost)", stats.events_lost);
    }
    if let Some(cpu) = stats.agent_cpu_percent {
        let _ = write!(text, ", agent {cpu:.1} % of a core");
    }
    if let Some(memory) = stats.agent_rss_anon_bytes {
        let _ = write!(text, ", {}", bytes(memory));
    }
    text
}

fn maybe(value: Option<u64>) -> String {
    value.map_or("-".to_owned(), bytes)
}

/// Bytes in the largest binary unit that leaves a digit before the point.
pub(super) fn bytes(value: u64) -> String {
    byte_text(value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 40), "3.0 TiB");
    }
}
