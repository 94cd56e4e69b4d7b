//! A view of the tests: three minutes of a host with one process of 64 MiB.

use crate::{
    event::{Filters, ProcLimits},
    output::{
        Believed, Direction, Finding, FindingState, FindingVerdict, Forecast, HostSnapshot,
        LimitUse, Rival, RuleText, Severity, Snapshot, Timestamp, Tracked, Trend, View, Viewed,
    },
};

const MINUTE_NS: i64 = 60_000_000_000;

pub(crate) fn finding(id: &str, severity: Severity, verdict: FindingVerdict) -> Finding {
    Finding {
        ts: Timestamp(3 * MINUTE_NS),
        id: id.to_owned(),
        rule: "heap_growth".to_owned(),
        state: FindingState::Open,
        severity,
        verdict,
        pid: Some(7),
        start_time: None,
        comm: Some("api".to_owned()),
        component: None,
        resource: "heap".to_owned(),
        rate_per_min: Some(5.0 * super::MB),
        rate_unit: Some("bytes"),
        rate_interval: Some([4.0 * super::MB, 6.0 * super::MB]),
        confidence: Some(0.97),
        e_value_log10: Some(7.2),
        rival: Some(Rival { hypothesis: "fill", probability: 0.02, decided_by: "its bound" }),
        since: Timestamp(0),
        forecast: Some(Forecast {
            limit: "memory of the host".to_owned(),
            limit_value: 1024.0 * super::MB,
            at: Timestamp(123 * MINUTE_NS),
            interval: (Timestamp(103 * MINUTE_NS), None),
        }),
        evidence: Vec::new(),
        explanations: vec![
            Believed { hypothesis: "steady_leak", is_leak: true, probability: 0.97 },
            Believed { hypothesis: "fill", is_leak: false, probability: 0.02 },
        ],
        limits: vec![LimitUse {
            limit: "memory of the host".to_owned(),
            limit_value: 1024.0 * super::MB,
            used: 424.0 * super::MB,
        }],
        runs: None,
        stacks: Vec::new(),
        recommendation: "look for what allocates it".to_owned(),
    }
}

pub(crate) fn trend(
    resource: &'static str,
    unit: &'static str,
    direction: Direction,
    rate: f64,
) -> Trend {
    Trend {
        resource,
        unit,
        direction,
        first: 100.0,
        last: 100.0 + 3.0 * rate,
        rate_per_min: rate,
        rate_interval: [rate - 1.0, rate + 1.0],
        over_seconds: 180.0,
    }
}

pub(crate) fn snapshot() -> Snapshot {
    Snapshot {
        pid: 7,
        comm: "api".to_owned(),
        rss_anon_bytes: Some(64 << 20),
        descriptors: Some(12),
        threads: Some(4),
        cpu_percent: Some(12.5),
        limits: Some(ProcLimits { open_files: Some(1024), ..ProcLimits::default() }),
        ..Snapshot::default()
    }
}

pub(crate) fn view() -> View {
    View {
        from: Timestamp(0),
        to: Timestamp(3 * MINUTE_NS),
        seconds: 180.0,
        scope: Some(Filters { all: true, ..Filters::default() }),
        samples: 40,
        host: Some(HostSnapshot { mem_total_bytes: 8 << 30, ..HostSnapshot::default() }),
        host_memory: Some(trend("memory in use", "bytes", Direction::Rising, 4.0 * super::MB)),
        host_cpu: None,
        processes: vec![Viewed { snapshot: snapshot(), trends: Vec::new(), constant: 12 }],
        rules: vec![RuleText {
            name: "heap_growth".to_owned(),
            description: "The heap climbs.".to_owned(),
            condition: "growth.heap.confidence >= 0.5".to_owned(),
            hold_seconds: 0,
        }],
        tracked: Tracked { timers: Some(3), ..Tracked::default() },
        ..View::default()
    }
}
