//! What applications report of themselves: lines of JSON with `ts`, `pid` or `component`, `name`,
//! `type` and `value`.

use serde::{Deserialize, Serialize};

/// Characters of a counter's name at most.
const MAX_NAME: usize = 64;
/// Characters of a component's name at most.
const MAX_COMPONENT: usize = 256;
/// How far a clock may be ahead of ours, in nanoseconds.
const MAX_AHEAD_NS: u64 = 60_000_000_000;

/// How a value behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomKind {
    /// It goes up and down.
    Gauge,
    /// It only goes up, until it starts anew.
    Counter,
}

/// Whom a report is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CustomSubject {
    /// The process with this pid at the report's time.
    Pid(u32),
    /// A component by its name, not yet safe to print.
    Component(String),
}

/// One report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomValue {
    /// When, in nanoseconds since boot.
    pub at_ns: u64,
    /// Of whom.
    pub subject: CustomSubject,
    /// Its name, see [`is_custom_name`].
    pub name: String,
    /// How it behaves.
    pub kind: CustomKind,
    /// Its value, finite.
    pub value: f64,
}

/// Reports that came in together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CustomReading {
    /// In the order in which they came.
    pub values: Vec<CustomValue>,
    /// Lines that were no reports.
    pub rejected: u64,
}

/// Whether a counter may be called so: a letter or `_`, then letters, digits, `_`, `-` and `.`.
pub fn is_custom_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.len() <= MAX_NAME && name.starts_with(is_first) && name.chars().all(is_rest)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    ts: String,
    pid: Option<u32>,
    component: Option<String>,
    name: String,
    #[serde(rename = "type")]
    kind: CustomKind,
    value: f64,
}

/// Reads a line that came in at `now_ns` since boot, on a host that booted at `boot_epoch_ns` since
/// 1970; what is wrong with it if it is no report. Its time is taken as said, but not into the
/// future.
pub fn parse_custom(line: &[u8], now_ns: u64, boot_epoch_ns: i64) -> Result<CustomValue, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let subject = match (line.pid, line.component) {
        (Some(pid), None) => CustomSubject::Pid(pid),
        (None, Some(component)) if (1..=MAX_COMPONENT).contains(&component.len()) => {
            CustomSubject::Component(component)
        }
        (None, Some(_)) => return Err(format!("component has 1 to {MAX_COMPONENT} characters")),
        _ => return Err("one of pid and component is needed".to_owned()),
    };
    if !is_custom_name(&line.name) {
        let rule = "a letter, then letters, digits, _ - . (at most 64 characters)";
        return Err(format!("name {:?} is not of the form: {rule}", line.name));
    }
    let ts: jiff::Timestamp = line
        .ts
        .parse()
        .map_err(|_why| format!("ts {:?} is no time: write 2026-01-17T10:30:00Z", line.ts))?;
    let since_boot = ts.as_nanosecond() - i128::from(boot_epoch_ns);
    let at_ns = u64::try_from(since_boot.max(0)).unwrap_or(u64::MAX);
    if at_ns > now_ns.saturating_add(MAX_AHEAD_NS) {
        return Err(format!("ts {} is in the future", line.ts));
    }
    let at_ns = at_ns.min(now_ns);
    Ok(CustomValue { at_ns, subject, name: line.name, kind: line.kind, value: line.value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: i64 = 1_700_000_000_000_000_000;

    fn parse(line: &str) -> Result<CustomValue, String> {
        parse_custom(line.as_bytes(), 100_000_000_000, BOOT)
    }

    #[test]
    fn a_report_is_read_with_its_time_since_boot() {
        let line = r#"{"ts":"2023-11-14T22:13:30.5Z","pid":7,"name":"cache.entries","type":"gauge","value":12}"#;
        let value = parse(line).unwrap();
        assert_eq!(value.at_ns, 10_500_000_000);
        assert_eq!(value.subject, CustomSubject::Pid(7));
        assert_eq!((value.kind, value.value), (CustomKind::Gauge, 12.0));
        let line = r#"{"ts":"2023-11-14T22:15:10+00:00","component":"api","name":"served","type":"counter","value":1e3}"#;
        assert_eq!(parse(line).unwrap().at_ns, 100_000_000_000, "ahead of us, but not by much");
    }

    #[test]
    fn what_is_no_report_says_why() {
        let with = |fields: &str| {
            format!(r#"{{"ts":"2023-11-14T22:13:30Z","type":"gauge","value":1,{fields}}}"#)
        };
        for (line, why) in [
            ("{".to_owned(), "EOF while parsing an object at line 1 column 1"),
            (with(r#""name":"a""#), "one of pid and component is needed"),
            (with(r#""name":"a","pid":1,"component":"b""#), "one of pid and component is needed"),
            (with(r#""name":"a","component":"""#), "component has 1 to 256 characters"),
            (
                with(r#""name":"a b","pid":1"#),
                "name \"a b\" is not of the form: a letter, then letters, digits, _ - . (at most \
                 64 characters)",
            ),
            (
                r#"{"ts":"now","type":"gauge","value":1,"name":"a","pid":1}"#.to_owned(),
                "ts \"now\" is no time: write 2026-01-17T10:30:00Z",
            ),
            (
                r#"{"ts":"2033-11-14T22:13:30Z","type":"gauge","value":1,"name":"a","pid":1}"#
                    .to_owned(),
                "ts 2033-11-14T22:13:30Z is in the future",
            ),
        ] {
            assert_eq!(parse(&line).unwrap_err(), why, "{line}");
        }
        let unknown = parse(&with(r#""name":"a","pid":1,"colour":"red""#)).unwrap_err();
        assert!(unknown.starts_with("unknown field `colour`"), "{unknown}");
    }
}
