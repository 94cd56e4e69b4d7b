//! How well simple curves fit the floors, compared with a straight line.

use super::floor::Floor;

/// A curve of the position, 0 to 1, that is scaled and moved to fit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Curve {
    Line,
    Root,
    Logarithm,
    Saturation,
    Square,
}

impl Curve {
    const ALL: [Self; 5] =
        [Self::Line, Self::Root, Self::Logarithm, Self::Saturation, Self::Square];

    fn at(self, position: f64) -> f64 {
        match self {
            Self::Line => position,
            Self::Root => position.sqrt(),
            Self::Logarithm => (30.0 * position).ln_1p(),
            Self::Saturation => -(-4.0 * position).exp(),
            Self::Square => position * position,
        }
    }
}

/// What the curves leave unexplained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curves {
    errors: [f64; Curve::ALL.len()],
    /// Autocorrelation at lag one of what the line leaves.
    pub(super) memory: f64,
}

impl Curves {
    /// ln of the error of a curve over that of the line, scaled: negative where the curve fits
    /// better.
    pub(super) fn against(&self, curve: Curve) -> f64 {
        let [line, error] = [Curve::Line, curve].map(|curve| self.errors[curve as usize]);
        ((error / line).ln() / 2.0).clamp(-3.0, 3.0)
    }
}

/// Fits all curves.
pub(super) fn curves(floors: &[Floor]) -> Curves {
    let Some((first, last)) = floors.first().zip(floors.last()) else {
        return Curves { errors: [1.0; _], memory: 0.0 };
    };
    let length = (last.bucket - first.bucket).max(1.0);
    let range = floors.iter().map(|floor| (floor.value - first.value).abs()).fold(0.0, f64::max);
    // Rounding, and what no curve needs to explain.
    let least = floors.len() as f64 * (1e-3 * range).powi(2) + f64::MIN_POSITIVE;
    let fits = Curve::ALL
        .map(|curve| Fit::of(floors, |floor| curve.at((floor.bucket - first.bucket) / length)));
    let errors = fits.each_ref().map(|fit| fit.error(floors.len()) + least);
    let line = &fits[Curve::Line as usize];
    let left = |floor: &Floor| {
        floor.value
            - line.mean_y
            - line.slope() * ((floor.bucket - first.bucket) / length - line.mean_x)
    };
    let (mut square, mut lagged, mut before) = (least, 0.0, None);
    for residual in floors.iter().map(left) {
        square += residual * residual;
        lagged += before.map_or(0.0, |before: f64| before * residual);
        before = Some(residual);
    }
    Curves { errors, memory: lagged / square }
}

/// A regression with one explaining variable.
struct Fit {
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Fit {
    fn of(floors: &[Floor], x: impl Fn(&Floor) -> f64) -> Self {
        let count = floors.len() as f64;
        let mean_x = floors.iter().map(&x).sum::<f64>() / count;
        let mean_y = floors.iter().map(|floor| floor.value).sum::<f64>() / count;
        let mut fit = Self { mean_x, mean_y, xx: 0.0, xy: 0.0, yy: 0.0 };
        for floor in floors {
            let (dx, dy) = (x(floor) - mean_x, floor.value - mean_y);
            fit.xx += dx * dx;
            fit.xy += dx * dy;
            fit.yy += dy * dy;
        }
        fit
    }

    fn slope(&self) -> f64 {
        if self.xx > 0.0 { self.xy / self.xx } else { 0.0 }
    }

    fn error(&self, count: usize) -> f64 {
        let left = self.yy - self.slope() * self.xy;
        left.max(self.yy * 1e-9 * count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(value: impl Fn(f64) -> f64) -> Curves {
        let floors: Vec<Floor> = (0..32)
            .map(|at| Floor { bucket: f64::from(at), value: 50.0 + value(f64::from(at) / 31.0) })
            .collect();
        curves(&floors)
    }

    #[test]
    fn each_curve_is_known_by_its_own_fit() {
        assert!(fitted(|x| 7.0 * x).against(Curve::Saturation) > 1.0);
        assert!(fitted(|x| 7.0 * (1.0 - (-4.0 * x).exp())).against(Curve::Saturation) < -1.0);
        assert!(fitted(|x| 7.0 * x * x).against(Curve::Square) < -1.0);
        assert!(fitted(|x| 7.0 * (30.0 * x).ln_1p()).against(Curve::Logarithm) < -1.0);
    }

    #[test]
    fn what_never_moves_prefers_nothing() {
        let flat = fitted(|_| 0.0);
        assert!(flat.against(Curve::Square).abs() < 1e-9 && flat.memory.abs() < 1e-9);
    }
}
