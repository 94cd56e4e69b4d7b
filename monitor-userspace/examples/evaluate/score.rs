//! What the detector is worth on synthetic series: makes them, has them judged, and reports.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::baseline::{self, Baseline, Said, Samples};
use super::report::Report;
use super::run::{Outcome, in_parallel, run};
use super::synthetic::{Class, Span, classes, make};
use super::tally::Truth;
use super::{early, print};

/// A series and what was made of it.
pub struct Scored {
    pub class: Class,
    pub truth: Truth,
    /// Without and with what is touched.
    pub outcomes: [Outcome; 2],
    pub baselines: [Said; Baseline::ALL.len()],
}

/// Judges `per_class` series of each class; the figures go to stdout and, as JSON, into a file.
pub fn evaluate(per_class: u64, first_seed: u64, json: Option<&Path>) -> Result<()> {
    let all: Vec<(Class, u64)> = classes()
        .into_iter()
        .flat_map(|class| (first_seed..first_seed + per_class).map(move |seed| (class, seed)))
        .collect();
    let scored = in_parallel(all.len(), |at| score(all[at].0, all[at].1));
    let early = early::judge(per_class, first_seed);
    let report = Report::of(per_class, first_seed, &scored, early);
    print::report(&report);
    json.map_or(Ok(()), |path| write_json(&report, path))
}

/// Writes figures into a file.
pub fn write_json(figures: &impl Serialize, path: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(figures).context("print the figures")?;
    fs::write(path, text + "\n").with_context(|| format!("write {}", path.display()))
}

fn score(class: Class, seed: u64) -> Scored {
    let made = make(class, seed, Span::Long);
    Scored {
        class,
        truth: Truth {
            steps: made.values.len(),
            step_s: made.step_s,
            onset: made.onset,
            rate_per_min: made.rate_per_min,
        },
        outcomes: [false, true].map(|sees_pages| run(&made, seed, sees_pages)),
        baselines: baseline::judge(Samples {
            values: &made.values,
            step_s: made.step_s,
            counts: made.counts,
        }),
    }
}
