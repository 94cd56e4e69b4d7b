//! What an agent was asked to do, as text.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    client::words::{fields, finding, number, text},
    sink::Paint,
};

/// What a check found.
pub(super) fn leak_check(answer: &Value, paint: Paint) -> String {
    let found = text(&answer["violationsFound"]);
    let performed = &answer["actionsPerformed"];
    let performed = performed.as_array().map_or_else(|| text(performed), |it| it.len().to_string());
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
    let mut all = format!("{leaks}; {found} findings are open, {performed} actions were taken\n");
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
    let _ = writeln!(all, "{} rules are on", rules.len());
    all
}

/// What was done.
pub(super) fn done(what: &str, answer: &Value, paint: Paint) -> String {
    let head = match answer["cleaned"].as_bool() {
        Some(true) => format!("{what}: done"),
        Some(false) => format!("{what}: nothing was cleaned"),
        None => format!("{what}: the agent says"),
    };
    let mut rest = answer.clone();
    if let Some(rest) = rest.as_object_mut() {
        rest.retain(|name, _| name != "cleaned" && name != "timestamp");
    }
    format!("{}\n{}", paint.bold(&head), fields(&rest, 2))
}
