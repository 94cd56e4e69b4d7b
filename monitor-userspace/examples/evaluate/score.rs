//! What the detector is worth, class by class.

use std::collections::BTreeMap;

use super::run::{Outcome, in_parallel, run};
use super::synthetic::{Class, Span, classes, make};

#[derive(Default)]
struct Tally {
    series: usize,
    suspected: usize,
    called: usize,
    calls: usize,
    open_at_end: usize,
    days: f64,
    times: Vec<f64>,
    rate_errors: Vec<f64>,
    covered: usize,
    rated: usize,
}

pub fn evaluate(per_class: u64, seed: u64) {
    for sees_pages in [false, true] {
        println!("\n{}", if sees_pages { "with staleness" } else { "bare series" });
        table(per_class, seed, sees_pages);
    }
}

fn table(per_class: u64, first_seed: u64, sees_pages: bool) {
    let all: Vec<(Class, u64)> = classes()
        .into_iter()
        .flat_map(|class| (first_seed..first_seed + per_class).map(move |seed| (class, seed)))
        .collect();
    let results = in_parallel(all.len(), |at| {
        let (class, seed) = all[at];
        let made = make(class, seed, Span::Long);
        (made.values.len(), made.onset, made.rate_per_min, run(&made, seed, sees_pages))
    });
    let mut tallies: BTreeMap<(bool, &str), Tally> = BTreeMap::new();
    let mut looks = Vec::new();
    for ((class, _), (len, onset, rate, outcome)) in all.iter().zip(&results) {
        let key = (!class.is_leak, class.name);
        count(tallies.entry(key).or_default(), *len, *onset, *rate, outcome);
        looks.extend(&outcome.looks);
    }
    println!(
        "{:<28} {:>6} {:>7} {:>7} {:>7} {:>9} {:>8} {:>8}",
        "class", "series", "low", "ever", "end", "time", "rate", "covered"
    );
    let mut sums = [Tally::default(), Tally::default()];
    for ((healthy, name), tally) in &tallies {
        print(if *healthy { "  " } else { "L " }, name, tally);
        let sum = &mut sums[usize::from(*healthy)];
        sum.series += tally.series;
        sum.suspected += tally.suspected;
        sum.called += tally.called;
        sum.open_at_end += tally.open_at_end;
        sum.calls += tally.calls;
        sum.days += tally.days;
        sum.times.extend(&tally.times);
        sum.rate_errors.extend(&tally.rate_errors);
        sum.covered += tally.covered;
        sum.rated += tally.rated;
    }
    print("L ", "all leaks", &sums[0]);
    print("  ", "all healthy", &sums[1]);
    let precision =
        sums[0].open_at_end as f64 / (sums[0].open_at_end + sums[1].open_at_end).max(1) as f64;
    println!(
        "end: precision {precision:.4} recall {:.4}; ever: healthy flagged {:.4}, recall {:.4}",
        share(sums[0].open_at_end, sums[0].series),
        share(sums[1].called, sums[1].series),
        share(sums[0].called, sums[0].series)
    );
    reliability(&looks);
}

fn count(
    tally: &mut Tally,
    len: usize,
    onset: Option<usize>,
    rate: Option<f64>,
    outcome: &Outcome,
) {
    tally.series += 1;
    tally.days += len as f64 * Span::Long.step_s() as f64 / 86_400.0;
    tally.suspected += usize::from(outcome.suspected.is_some());
    tally.called += usize::from(outcome.called.is_some());
    tally.calls += outcome.calls;
    let Some(growth) = outcome.last.filter(|growth| growth.is_leak) else { return };
    tally.open_at_end += 1;
    if let (Some(called), Some(onset)) = (outcome.called, onset) {
        tally.times.push(called.saturating_sub(onset) as f64 / (len - onset) as f64);
    }
    if let Some(rate) = rate {
        tally.rated += 1;
        tally.rate_errors.push((growth.rate_per_min / rate - 1.0).abs());
        let [low, high] = growth.rate_interval;
        tally.covered += usize::from((low..=high).contains(&rate));
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print(mark: &str, name: &str, tally: &Tally) {
    println!(
        "{mark}{name:<26} {:>6} {:>7.3} {:>7.3} {:>7.3} {:>9.3} {:>8.3} {:>8.3}",
        tally.series,
        share(tally.suspected, tally.series),
        share(tally.called, tally.series),
        share(tally.open_at_end, tally.series),
        median(&tally.times),
        median(&tally.rate_errors),
        share(tally.covered, tally.rated),
    );
}

/// How often it was a leak, for what was said of it.
fn reliability(looks: &[(f64, bool)]) {
    let mut error = 0.0;
    println!("said        looks  mean said  leaks");
    for bin in 0..10 {
        let (low, high) = (f64::from(bin) / 10.0, f64::from(bin + 1) / 10.0);
        let within = |p: f64| p >= low && (p < high || bin == 9);
        let here: Vec<_> = looks.iter().filter(|(p, _)| within(*p)).collect();
        let count = here.len().max(1) as f64;
        let said = here.iter().map(|(p, _)| p).sum::<f64>() / count;
        let true_share = here.iter().filter(|(_, leak)| *leak).count() as f64 / count;
        error += (said - true_share).abs() * here.len() as f64 / looks.len().max(1) as f64;
        println!("{low:.1}-{high:.1} {:>8} {said:>10.3} {true_share:>6.3}", here.len());
    }
    println!("calibration error {error:.4}");
}
