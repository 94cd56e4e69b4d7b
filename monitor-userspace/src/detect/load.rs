//! What is left of the growth once the load is taken into account.

use crate::series::Bucket;

/// A load that varies less than this share of its mean explains nothing.
const LEAST_VARIATION: f64 = 0.05;

/// The regression `floor ~ time + load`.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenLoad {
    /// Share of the slope over time that remains.
    pub(super) slope_share: f64,
    /// t value of time beside load, corrected for memory and scaled.
    pub(super) t_of_time: f64,
    /// t value of load beside time, likewise.
    pub(super) t_of_load: f64,
    /// Correlation of the load with time.
    pub(super) trend: f64,
    /// ln of the error of "grows with the sum of the load" over that of "grows with time", scaled.
    pub(super) sum_fits: f64,
}

/// Means of products of three centred variables.
#[derive(Clone, Copy, Default)]
struct Moments {
    tt: f64,
    ll: f64,
    tl: f64,
    ty: f64,
    ly: f64,
    yy: f64,
}

impl GivenLoad {
    /// `None` where no load is known or it hardly varies.
    pub(super) fn of(buckets: &[Bucket]) -> Option<Self> {
        let count = buckets.len();
        if count < 8 {
            return None;
        }
        let size = count as f64;
        let start = buckets.first()?.start_ns;
        let time = |bucket: &Bucket| bucket.start_ns.saturating_sub(start) as f64 / 1e9;
        let mean = |of: &dyn Fn(&Bucket) -> f64| buckets.iter().map(of).sum::<f64>() / size;
        let (mt, ml, my) = (mean(&time), mean(&|b| b.load), mean(&|b| b.floor));
        let mut m = Moments::default();
        for bucket in buckets {
            let (t, l, y) = (time(bucket) - mt, bucket.load - ml, bucket.floor - my);
            m.tt += t * t;
            m.ll += l * l;
            m.tl += t * l;
            m.ty += t * y;
            m.ly += l * y;
            m.yy += y * y;
        }
        if ml <= 0.0 || (m.ll / size).sqrt() < LEAST_VARIATION * ml || m.tt <= 0.0 || m.yy <= 0.0 {
            return None;
        }
        let determinant = m.tt * m.ll - m.tl * m.tl;
        if determinant <= 1e-9 * m.tt * m.ll {
            return None;
        }
        let of_time = (m.ty * m.ll - m.ly * m.tl) / determinant;
        let of_load = (m.ly * m.tt - m.ty * m.tl) / determinant;
        let alone = m.ty / m.tt;
        let left = (m.yy - of_time * m.ty - of_load * m.ly).max(1e-6 * m.yy);
        let residual =
            |b: &Bucket| b.floor - my - of_time * (time(b) - mt) - of_load * (b.load - ml);
        let widened = {
            let pairs = buckets.windows(2).map(|pair| residual(&pair[0]) * residual(&pair[1]));
            let phi = (pairs.sum::<f64>() / left).clamp(0.0, 0.9);
            ((1.0 + phi) / (1.0 - phi)).sqrt()
        };
        let variance = left / (size - 3.0);
        let t = |slope: f64, other: f64| {
            let value = slope / (variance * other / determinant).sqrt() / widened;
            value.signum() * value.abs().ln_1p() / 2.0
        };
        Some(Self {
            slope_share: if alone > 0.0 { (of_time / alone).clamp(-1.0, 2.0) } else { 0.0 },
            t_of_time: t(of_time, m.ll).clamp(-3.0, 3.0),
            t_of_load: t(of_load, m.tt).clamp(-3.0, 3.0),
            trend: m.tl / (m.tt * m.ll).sqrt(),
            sum_fits: sum_fits(buckets, my, &m),
        })
    }
}

fn sum_fits(buckets: &[Bucket], my: f64, m: &Moments) -> f64 {
    let mut sum = 0.0;
    let sums: Vec<f64> = buckets
        .iter()
        .map(|bucket| {
            sum += bucket.load;
            sum
        })
        .collect();
    let mean = sums.iter().sum::<f64>() / sums.len() as f64;
    let (mut xx, mut xy) = (0.0, 0.0);
    for (at, bucket) in sums.iter().zip(buckets) {
        xx += (at - mean).powi(2);
        xy += (at - mean) * (bucket.floor - my);
    }
    if xx <= 0.0 {
        return 0.0;
    }
    let least = 1e-6 * m.yy;
    let (of_sum, of_time) = (m.yy - xy * xy / xx, m.yy - m.ty * m.ty / m.tt);
    ((of_sum.max(least) / of_time.max(least)).ln() / 2.0).clamp(-3.0, 3.0)
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Random;
    use super::*;

    fn buckets(value: impl Fn(f64, f64) -> f64) -> Vec<Bucket> {
        let mut random = Random::new(3);
        let mut sum = 0.0;
        (0..32)
            .map(|at| {
                let load = 100.0 * (1.5 + (f64::from(at) / 5.0).sin());
                sum += load;
                let floor = value(f64::from(at) * 10.0, load) + random.normal();
                let start_ns = at as u64 * 10_000_000_000;
                Bucket { start_ns, floor, mean: floor, max: floor, load }
            })
            .collect()
    }

    #[test]
    fn what_follows_the_load_has_no_slope_left_and_a_leak_has() {
        let follows = GivenLoad::of(&buckets(|_, load| 1000.0 + load)).unwrap();
        let leaks = GivenLoad::of(&buckets(|time, _| 1000.0 + time)).unwrap();
        assert!(follows.t_of_load > 1.5 && follows.t_of_time.abs() < 1.0, "{follows:?}");
        assert!(leaks.slope_share > 0.9 && leaks.t_of_time > 1.5, "{leaks:?}");
        assert!(leaks.t_of_load.abs() < 1.0);
    }

    #[test]
    fn a_steady_load_explains_nothing() {
        let mut steady = buckets(|time, _| time);
        for bucket in &mut steady {
            bucket.load = 50.0;
        }
        assert!(GivenLoad::of(&steady).is_none());
    }
}
