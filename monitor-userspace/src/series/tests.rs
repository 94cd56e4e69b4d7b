use super::*;

const SECOND: u64 = 1_000_000_000;

fn series(quantum: f64) -> Series {
    Series::new(SeriesSpec { quantum, min_effect: 1.0, seed: 1, counts: false, prior: 0.0 })
}

fn floors(series: &Series, level: usize) -> Vec<Option<f64>> {
    let view = series.level(level).unwrap();
    (view.first_held()..view.closed()).map(|position| view.floor(position)).collect()
}

#[test]
fn a_bucket_closes_when_a_later_sample_arrives() {
    let mut series = series(0.0);
    assert!(series.push(2 * SECOND, 7.0, 1.0).is_empty());
    assert!(series.push(4 * SECOND, 5.0, 3.0).is_empty());
    let closed = series.push(6 * SECOND, 9.0, 0.0);
    assert!(closed.contains(0) && !closed.contains(1));
    let bucket = series.level(0).unwrap().bucket(0).unwrap();
    assert_eq!(bucket, Bucket { start_ns: 0, floor: 5.0, mean: 6.0, max: 7.0, load: 2.0 });
    assert_eq!(series.push(11 * SECOND, 1.0, 0.0).iter().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(floors(&series, 1), [Some(5.0)]);
}

#[test]
fn buckets_without_samples_and_unknown_ones_are_void() {
    let mut series = series(0.0);
    series.push(0, 1.0, 0.0);
    series.push(17 * SECOND, 2.0, 0.0);
    series.push_unknown(18 * SECOND);
    series.push(20 * SECOND, f64::NAN, 0.0);
    series.push(25 * SECOND, 3.0, 0.0);
    assert_eq!(floors(&series, 0), [Some(1.0), None, None, None, None]);
    // One known and one unknown sample: no majority, so void as well.
    assert_eq!(floors(&series, 1), [Some(1.0), None]);
    series.push(30 * SECOND, 3.0, 0.0);
    series.push(40 * SECOND, 3.0, 0.0);
    assert_eq!(floors(&series, 2), [Some(1.0), Some(3.0)]);
}

#[test]
fn floors_are_rounded_down_so_that_ties_stay_ties() {
    let mut series = series(10.0);
    for (at, value) in [(0, 19.0), (5, 10.0), (10, 29.0)] {
        series.push(at * SECOND, value, 0.0);
    }
    assert_eq!(floors(&series, 0), [Some(10.0), Some(10.0)]);
}

#[test]
fn levels_agree_with_a_plain_computation() {
    let mut series = series(0.0);
    let value = |at: u64| ((at * 7919) % 1009) as f64;
    for at in 0..100_000 {
        series.push(at * SECOND, value(at), 0.0);
    }
    for level in 0..=11 {
        let view = series.level(level).unwrap();
        let length = 5 << level;
        for position in view.first_held()..view.closed() {
            let start = view.start_ns(position) / SECOND;
            let expected = (start..start + length).map(value).fold(f64::INFINITY, f64::min);
            assert_eq!(view.floor(position), Some(expected), "level {level} start {start}");
            if let Some(bucket) = view.bucket(position) {
                let mean = (start..start + length).map(value).sum::<f64>() / length as f64;
                assert!((bucket.mean - mean).abs() <= mean * 0.005, "{bucket:?} {mean}");
            }
        }
    }
}

#[test]
fn a_held_value_fills_the_gap_at_every_level() {
    for gap in [1, 4, 5, 12, 39, 640, 12_345, 10_000_000] {
        let (mut filled, mut pushed) = (series(0.0), series(0.0));
        for series in [&mut filled, &mut pushed] {
            series.push(3 * SECOND, 50.0, 0.0);
            series.push(8 * SECOND, 40.0, 0.0);
        }
        filled.fill((8 + gap) * SECOND, 60.0);
        for at in (8 + 1..=8 + gap).take(20_000) {
            pushed.push(at * SECOND, 60.0, 0.0);
        }
        for level in 0..LEVELS {
            let Some(view) = filled.level(level) else { continue };
            if gap <= 20_000 {
                assert_eq!(floors(&filled, level), floors(&pushed, level), "{gap} {level}");
                assert_eq!(view.known(), pushed.level(level).unwrap().known());
            }
            let newest = view.closed() - 1;
            assert!(view.floor(newest).is_some());
            assert!(view.start_ns(newest) + view.bucket_ns() <= (8 + gap) * SECOND);
        }
    }
}

#[test]
fn a_long_silence_leaves_only_voids_in_the_window() {
    let mut series = series(0.0);
    for at in 0..1000 {
        series.push(at * SECOND, 1.0, 0.0);
    }
    assert!(series.level(0).unwrap().can_judge());
    series.push(1_000_000 * SECOND, 1.0, 0.0);
    assert_eq!(series.level(0).unwrap().known(), 0);
    // 64 buckets of 11 h are longer than that silence.
    assert!(series.level(5).unwrap().known() < 32);
}

#[test]
fn time_that_runs_backwards_counts_as_now() {
    let mut series = series(0.0);
    series.push(100 * SECOND, 1.0, 0.0);
    assert!(series.push(50 * SECOND, 0.5, 0.0).is_empty());
    series.push(105 * SECOND, 1.0, 0.0);
    assert_eq!(floors(&series, 0), [Some(0.5)]);
}

#[test]
fn the_deepest_series_stays_within_eight_kib() {
    let mut series = series(0.0);
    for step in 0..4_000u64 {
        series.push(step * 1000 * SECOND, 1.0, 0.0);
    }
    assert!(series.level(LEVELS - 1).unwrap().can_judge());
    let bytes = series.memory_bytes();
    println!("a series at full depth: {bytes} bytes");
    assert!(bytes <= 7200, "{bytes}");
}
