//! What an agent was asked to do, as text.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    client::words::{counted, fields, finding, number, text},
    sink::Paint,
};

/// What a check found.
pub(super) fn leak_check(answer: &Value, paint: Paint) -> String {
    let found = counted(&answer["violationsFound"], "finding is", "findings are");
    let performed = match &answer["actionsPerformed"] {
        Value::Array(list) => Value::from(list.len()),
        count => count.clone(),
    };
    let performed = counted(&performed, "action was", "actions were");
    let leaks = match answer["isLeakDetected"].as_bool() {
        Some(true) => {
            let rate = answer["leakRate"].as_f64().filter(|rate| *rate > 0.0);
            let rate = rate.map_or(String::new(), |rate| format!(", {rate:.1} MB/min"));
            let sure = answer["confidence"].as_f64();
            let sure = sure.map_or(String::new(), |it| format!(", a leak at {:.0} %", it * 100.0));
            paint.red(&format!("it leaks{rate}{sure}"))
        }
        Some(false) => "no leak".to_owned(),
        None => "too little was seen to tell".to_owned(),
    };
    let mut all = format!("{leaks}; {found} open, {performed} taken\n");
    let findings = answer["findings"].as_array().into_iter().flatten();
    for one in findings {
        // A String takes whatever is written.
        let _ = writeln!(all, "  {}", finding(one, paint));
    }
    all
}

/// The rules that are on.
pub(super) fn rules(answer: &Value, paint: Paint) -> String {
    let rules = answer["rules"].as_array().map_or(&[][..], Vec::as_slice);
    let mut all = String::new();
    for rule in rules {
        let name = paint.bold(&text(&rule["name"]));
        let _ = writeln!(all, "{name}: {}", text(&rule["description"]));
        let held = match number(&rule["holdSeconds"], 0, " s") {
            none if none == "-" || none == "0 s" => String::new(),
            held => format!(", for {held}"),
        };
        let _ = writeln!(all, "    {}{held}", text(&rule["condition"]));
    }
    let _ = writeln!(all, "{} on", counted(&rules.len().into(), "rule is", "rules are"));
    all
}

/// What was done.
pub(super) fn done(what: &str, answer: &Value, paint: Paint) -> String {
    let head = match (answer["available"].as_bool(), answer["cleaned"].as_bool()) {
        (Some(false), _) => format!("{what}: not there yet"),
        (_, Some(true)) => format!("{what}: done"),
        (_, Some(false)) => format!("{what}: nothing was cleaned"),
        (_, None) => format!("{what}: the agent says"),
    };
    let mut rest = answer.clone();
    if let Some(rest) = rest.as_object_mut() {
        let is_told = |name: &str| matches!(name, "available" | "cleaned" | "timestamp");
        // What is unknown, or empty, says nothing to a person.
        rest.retain(|name, value| {
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            !is_told(name) && !value.is_null() && !is_empty
        });
    }
    format!("{}\n{}", paint.bold(&head), fields(&rest, 2))
}

/// The exit status: what is not there was not done.
pub(super) fn status(answer: &Value) -> u8 {
    u8::from(answer["available"] == false)
}
