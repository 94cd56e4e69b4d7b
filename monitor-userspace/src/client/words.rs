//! Values of an agent's JSON as words. What is missing or `null` is unknown: `-`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    output::byte_text,
    sink::{Paint, escape},
};

/// A text that came from an agent, safe to print.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

/// A number with so many digits, and its unit where it is known.
pub(crate) fn number(value: &Value, digits: usize, unit: &str) -> String {
    value.as_f64().map_or("-".to_owned(), |value| format!("{value:.digits$}{unit}"))
}

/// So many of something; an unknown number is several.
pub(crate) fn counted(value: &Value, one: &str, many: &str) -> String {
    format!("{} {}", text(value), if value.as_u64() == Some(1) { one } else { many })
}

/// An amount in bytes.
pub(crate) fn bytes(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), byte_text)
}

/// A state of health, coloured where it is none.
pub(crate) fn state(word: &Value, paint: Paint) -> String {
    match word.as_str() {
        Some("healthy") => "healthy".to_owned(),
        Some(other) => paint.red(&escape(other)),
        None => "unknown".to_owned(),
    }
}

/// A list below a heading; nothing of an empty one.
pub(crate) fn list(heading: &str, values: &Value, paint: Paint) -> String {
    let values = values.as_array().map_or(&[][..], Vec::as_slice);
    if values.is_empty() {
        return String::new();
    }
    let mut all = format!("\n{}\n", paint.bold(heading));
    for value in values {
        // A String takes whatever is written, here and below.
        let _ = writeln!(all, "  {}", text(value));
    }
    all
}

/// Every field on a line of its own, those of objects indented: what is not known by name.
pub(crate) fn fields(value: &Value, indent: usize) -> String {
    let mut all = String::new();
    let pad = " ".repeat(indent);
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let name = spaced(name);
                if is_leaf(value) {
                    let _ = writeln!(all, "{pad}{name}: {}", text(value));
                } else {
                    let _ = writeln!(all, "{pad}{name}:");
                    all += &fields(value, indent + 2);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| all += &fields(value, indent)),
        leaf => {
            let _ = writeln!(all, "{pad}{}", text(leaf));
        }
    }
    all
}

fn is_leaf(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => true,
    }
}

/// A name of JSON as words: `violationsFound` and `violations_found` are "violations found".
pub(crate) fn spaced(name: &str) -> String {
    let mut words = String::new();
    for c in escape(name).chars() {
        match c {
            '_' => words.push(' '),
            c if c.is_ascii_uppercase() => {
                words.push(' ');
                words.push(c.to_ascii_lowercase());
            }
            c => words.push(c),
        }
    }
    words
}

/// A finding on a line: how bad, what, whose and how fast.
pub(crate) fn finding(finding: &Value, paint: Paint) -> String {
    let severity = finding["severity"].as_str().unwrap_or("unknown");
    let tag = format!("[{}]", escape(severity));
    let tag = if matches!(severity, "unknown" | "low") { tag } else { paint.red(&tag) };
    let whose = match (finding["pid"].as_u64(), &finding["component"]) {
        (Some(pid), _) => format!("{} (pid {pid})", text(&finding["comm"])),
        (None, Value::String(component)) => escape(component),
        (None, _) => "this host".to_owned(),
    };
    let rate = finding["rate_per_min"].as_f64().map(|rate| match finding["rate_unit"].as_str() {
        Some("bytes") => format!(" by {}/min", byte_text(rate)),
        _ => format!(" by {rate:.1}/min"),
    });
    let sure = finding["confidence"].as_f64();
    let sure = sure.map_or(String::new(), |sure| format!(", a leak at {:.0} %", sure * 100.0));
    format!(
        "{tag} {} {whose}: {}{}{sure}  {}",
        text(&finding["rule"]),
        text(&finding["resource"]),
        rate.unwrap_or_default(),
        text(&finding["id"])
    )
}

/// A span in seconds.
pub(crate) fn span(seconds: &Value) -> String {
    seconds.as_f64().map_or("-".to_owned(), crate::sink::time_text)
}
