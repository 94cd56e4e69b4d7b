//! `fit`: series of known cause, what the detector sees of them, weights.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use monitor_userspace::detect::Observation;

use super::network::{Example, fit as fit_network, loss};
use super::random::Random;
use super::run::{at_ns, in_parallel, tracker};
use super::synthetic::{Class, Made, Span, classes, make};

#[derive(Args)]
pub struct Options {
    /// Series of each class to learn from; a quarter as many decide when to stop
    #[arg(long, default_value_t = 200)]
    series: u64,
    /// Units of the hidden layer
    #[arg(long, default_value_t = 24)]
    units: usize,
    /// Passes over what there is to learn from
    #[arg(long, default_value_t = 40)]
    rounds: usize,
    /// Where the weights go
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/src/detect/weights.json"))]
    output: PathBuf,
}

/// Examples taken of one series at most.
const OF_A_SERIES: usize = 16;

/// Growth is not explained by what began just before: this share of the window must have seen it.
const SETTLED: usize = 4;

pub fn fit(options: &Options) -> Result<()> {
    let fitted: Vec<Class> = classes().into_iter().filter(|class| class.is_fitted).collect();
    let examples = gather(&fitted, 0, options.series);
    let tuning = gather(&fitted, 500_000, options.series.div_ceil(4));
    println!(
        "{} examples, {} for tuning, of {} classes",
        examples.len(),
        tuning.len(),
        fitted.len()
    );
    let mut model = fit_network(&examples, &tuning, options.units, options.rounds);
    println!("tuning loss {:.4}", loss(&model, &tuning));
    model.fitted_by = format!(
        "cargo xtask evaluate fit --series {} --units {} --rounds {}",
        options.series, options.units, options.rounds
    );
    let text = serde_json::to_string(&model).context("print the weights")?;
    // One row a line: a change of one weight is one line of a diff.
    let text = text.replace("],[", "],\n[").replace("],\"", "],\n\"").replace("\":[[", "\":[\n[");
    fs::write(&options.output, text + "\n")
        .with_context(|| format!("write {}", options.output.display()))
}

fn gather(classes: &[Class], first_seed: u64, series: u64) -> Vec<Example> {
    let all: Vec<(Class, u64)> = classes
        .iter()
        .flat_map(|&class| (first_seed..first_seed + series).map(move |seed| (class, seed)))
        .collect();
    let found = in_parallel(all.len(), |at| {
        let (class, seed) = all[at];
        let span = if seed % 2 == 0 { Span::Short } else { Span::Long };
        examples_of(&make(class, seed, span), seed)
    });
    found.into_iter().flatten().collect()
}

/// What the detector sees of a series, thinned, each series counting alike.
fn examples_of(made: &Made, seed: u64) -> Vec<Example> {
    let mut random = Random::new(seed ^ 0x00e4_a317);
    let mut tracker = tracker(made, seed);
    let mut kept: Vec<Example> = Vec::new();
    let mut seen = 0;
    for (step, (&value, &load)) in made.values.iter().zip(&made.loads).enumerate() {
        if made.restarts.contains(&step) {
            tracker = super::run::tracker(made, seed);
        }
        let observed = tracker.observe(at_ns(made, step), value, load);
        let Observation::Judged { closed, .. } = observed else { continue };
        for level in closed.iter() {
            let Some((shape, features)) = tracker.evidence(level) else { continue };
            let window =
                (shape.floors as u64 * shape.bucket_ns / (made.step_s * 1_000_000_000)) as usize;
            let truth = made.truth_at(step);
            if made.truth_at(step.saturating_sub(window / SETTLED)) != truth {
                continue;
            }
            seen += 1;
            let example = Example { features, truth, weight: 1.0 };
            // A reservoir: each moment is as likely kept as any other.
            if kept.len() < OF_A_SERIES {
                kept.push(example);
            } else {
                let slot = random.below(seen);
                if slot < OF_A_SERIES {
                    kept[slot] = example;
                }
            }
        }
    }
    let weight = 1.0 / kept.len().max(1) as f32;
    kept.into_iter().map(|example| Example { weight, ..example }).collect()
}
