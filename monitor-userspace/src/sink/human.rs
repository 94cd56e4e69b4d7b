//! Plain lines for people, pipes and logs; no colours, no cursor movement.

use std::{fmt::Write as _, io::Write as _};

use super::{Sink, escape};
use crate::output::{
    Finding, FindingState, FindingVerdict, Header, Interval, Output, RuleError, Snapshot, Stats,
    Summary, byte_text,
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
    let filters = &header.filters;
    let who = if filters.all { "every process".to_owned() } else { scope_text(filters) };
    format!(
        "memwatch-ebpf {} on {} (Linux {}): watching {who}, {how}\n",
        header.version,
        escape(&header.host),
        header.kernel
    )
}

fn scope_text(filters: &crate::event::Filters) -> String {
    let mut parts: Vec<String> = filters.pids.iter().map(|pid| format!("pid {pid}")).collect();
    if let Some(comm) = &filters.comm {
        parts.push(format!("names like {}", escape(comm)));
    }
    if parts.is_empty() {
        parts.push("the command".to_owned());
    }
    let children = if filters.follow { " and their children" } else { "" };
    format!("{}{children}", parts.join(", "))
}

/// The table of an interval: the largest holders first.
pub(super) fn interval_lines(interval: &Interval, shown: usize) -> String {
    let mut rows: Vec<&Snapshot> = interval.snapshots.iter().collect();
    let growing = |row: &Snapshot| interval.open_findings.iter().any(|f| f.pid == Some(row.pid));
    rows.sort_by_key(|row| {
        (!growing(row), std::cmp::Reverse(row.rss_anon_bytes.unwrap_or(0)), row.pid)
    });
    let mut text = format!("{}", interval.ts);
    text.truncate("2026-01-17T10:30:00".len());
    text.push('Z');
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
    let mut name = escape(&row.comm);
    if name.chars().count() > 16 {
        name = name.chars().take(15).chain(['…']).collect();
    }
    let growth = growth.map_or(String::new(), |finding| match finding.rate_per_min {
        Some(rate) => format!("{}/min ({})", amount(finding, rate), finding.resource),
        None => finding.rule.clone(),
    });
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

/// The sentence of a finding.
pub(super) fn finding_line(finding: &Finding) -> String {
    let who = subject(finding.pid, finding.comm.as_deref(), finding.component.as_deref());
    if finding.state == FindingState::Resolved {
        return format!("RESOLVED {} {who}: {}", finding.rule, ended(finding));
    }
    let verb = if finding.state == FindingState::Open { "FINDING" } else { "UPDATE" };
    let mut since = finding.since.to_string();
    since.truncate("2026-01-17T10:30:00".len());
    format!(
        "{verb} [{}] {} {who}: {} since {since}Z",
        finding.severity,
        finding.rule,
        what_happens(finding)
    )
}

/// The sentence of a rule that could not be evaluated.
pub(super) fn rule_error_line(error: &RuleError) -> String {
    let who = subject(error.pid, error.comm.as_deref(), error.component.as_deref());
    format!("RULE ERROR {} {who}: {}", error.rule, escape(&error.message))
}

/// Whom a line is about.
fn subject(pid: Option<u32>, comm: Option<&str>, component: Option<&str>) -> String {
    match (pid, comm, component) {
        (Some(pid), comm, _) => {
            format!("{} (pid {pid})", escape(comm.unwrap_or_default()))
        }
        (None, _, Some(component)) => escape(component),
        (None, _, None) => "this host".to_owned(),
    }
}

fn what_happens(finding: &Finding) -> String {
    let Some(rate) = finding.rate_per_min else {
        let texts = finding.evidence.iter().map(|evidence| evidence.text.as_str());
        return format!("{}: {}", finding.resource, texts.collect::<Vec<_>>().join(", "));
    };
    let interval = finding.rate_interval.map_or(String::new(), |[low, high]| {
        format!(" (95 %: {} to {})", amount(finding, low), amount(finding, high))
    });
    format!("{} grows by {}/min{interval}", finding.resource, amount(finding, rate))
}

/// An amount of what a finding counts.
fn amount(finding: &Finding, value: f64) -> String {
    if finding.rate_unit == Some("bytes") { bytes_f(value) } else { format!("{value:.1}") }
}

fn ended(finding: &Finding) -> &'static str {
    match finding.verdict {
        FindingVerdict::Stopped => "growth stopped",
        FindingVerdict::Threshold => "no longer so",
        _ => "the process ended",
    }
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
    bytes_f(value as f64)
}

fn bytes_f(value: f64) -> String {
    byte_text(value)
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
