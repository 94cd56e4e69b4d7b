use super::super::simulate::Random;
use super::*;
use crate::series::{BASE_NS, Series, SeriesSpec};

/// Highest e-value within `count` floors, and the number of floors after which it passed `gate`.
fn run(seed: u64, count: u32, gate: f64, mut floor: impl FnMut(u32) -> f64) -> (f64, Option<u32>) {
    let mut series =
        Series::new(SeriesSpec { quantum: 0.0, min_effect: 1.0, seed, counts: false, prior: 0.0 });
    let mut conformal = Conformal::EMPTY;
    let (mut best, mut passed) = (0.0_f64, None);
    for step in 0..=count {
        series.push(u64::from(step) * BASE_NS, floor(step), 0.0);
        let Some(view) = series.level(0) else { continue };
        conformal.update(&view, seed);
        best = best.max(conformal.log_value());
        if passed.is_none() && best >= gate.ln() {
            passed = Some(step);
        }
    }
    (best, passed)
}

/// Ville allows 1 in 100; three binomial standard deviations of 2,000 trials are 13 on top of 20.
fn rarely_passes_100(mut floor: impl FnMut(&mut Random) -> f64) -> usize {
    let passed = (0..2000).filter(|&seed| {
        let mut random = Random::new(seed);
        run(seed, 400, 100.0, |_| floor(&mut random)).1.is_some()
    });
    let passed = passed.count();
    assert!(passed <= 33, "{passed} of 2000 exchangeable series passed 100");
    passed
}

#[test]
fn exchangeable_floors_pass_no_more_often_than_ville_allows() {
    let white = rarely_passes_100(Random::normal);
    let tied = rarely_passes_100(|random| (random.unit() * 3.0).floor());
    let mostly_tied = rarely_passes_100(|random| f64::from(random.unit() > 0.97));
    println!("passed 100, of 2000: white {white}, three values {tied}, rare steps {mostly_tied}");
}

#[test]
fn the_value_is_fair_on_average() {
    let mean = (0..4000).map(|seed| {
        let mut random = Random::new(seed);
        let mut series = Series::new(SeriesSpec {
            quantum: 0.0,
            min_effect: 1.0,
            seed,
            counts: false,
            prior: 0.0,
        });
        let mut conformal = Conformal::EMPTY;
        for step in 0..4 {
            series.push(step * BASE_NS, random.normal(), 0.0);
        }
        conformal.update(&series.level(0).unwrap(), seed);
        conformal.log_value().exp()
    });
    let mean = mean.sum::<f64>() / 4000.0;
    assert!((0.8..1.2).contains(&mean), "{mean}");
}

/// Least, median and most floors a strictly rising level needs to pass `gate`.
fn rising_floors(gate: f64) -> [u32; 3] {
    let floors = (0..500).map(|seed| run(seed, 60, gate, f64::from).1.unwrap());
    let mut floors: Vec<u32> = floors.collect();
    floors.sort_unstable();
    [floors[0], floors[250], floors[499]]
}

#[test]
fn strictly_rising_floors_pass_the_gate_in_about_18() {
    // The first run weighs one half; alone it needs half the value. The
    // spread is U, which says where within its rank a floor falls; few are as lucky as the least.
    let [least, middle, most] = rising_floors(GATE / 2.0);
    println!("rising floors to pass 1e6, one run: {least} to {most}, median {middle}");
    assert!((15..=21).contains(&middle) && most <= 22);
    let [least, middle, most] = rising_floors(GATE);
    println!("rising floors to pass 1e6, one level: {least} to {most}, median {middle}");
    assert!(most <= 22);
}

#[test]
fn a_late_leak_passes_within_35_floors_of_its_level() {
    for (quiet, noisy) in [(200, false), (777, true), (5000, false), (5011, true)] {
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let onset = quiet + seed as u32;
            let passed = run(seed, onset + 60, GATE, |step| {
                let noise = if noisy { random.normal() } else { 0.0 };
                noise + 3.0 * f64::from(step.saturating_sub(onset))
            });
            let floors = passed.1.unwrap() - onset;
            assert!(floors <= 35, "quiet {quiet} seed {seed}: {floors}");
        }
    }
}

#[test]
fn an_endless_leak_overflows_nothing_and_a_forgotten_one_starts_over() {
    let (best, _) = run(1, 20_000, GATE, f64::from);
    assert!(best.is_finite() && best > 80.0, "{best}");
    let mut series = Series::new(SeriesSpec {
        quantum: 0.0,
        min_effect: 1.0,
        seed: 1,
        counts: false,
        prior: 0.0,
    });
    let mut conformal = Conformal::EMPTY;
    for step in 0..100 {
        series.push(step * BASE_NS, step as f64, 0.0);
    }
    conformal.update(&series.level(0).unwrap(), 1);
    assert!(conformal.log_value() > GATE.ln());
    conformal.forget();
    assert!(conformal.log_value() < 0.0);
}

#[test]
fn a_replay_gives_the_same_bits() {
    let value = |seed| run(seed, 300, GATE, |step| f64::from(step % 7)).0.to_bits();
    assert_eq!(value(5), value(5));
    assert_ne!(value(5), value(6));
}
