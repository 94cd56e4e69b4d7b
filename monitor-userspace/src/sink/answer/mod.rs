//! The answers of commands as text; each is a function of the answer alone.

mod explain;
mod leaks;
mod optimize;
mod question;
mod report;
mod trends;

pub use explain::explain;
pub use leaks::leaks;
pub use optimize::optimize;
pub use question::Question;
pub use report::report;
pub use trends::trends;

use super::{Paint, words};
use crate::event::Filters;
use crate::output::{Severity, Trend, amount_text};

/// How long what was watched.
fn watched(seconds: f64, scope: Option<&Filters>) -> String {
    let who = scope.map_or("exported lines".to_owned(), words::scope);
    format!("{} of {who}", words::time(seconds))
}

/// A severity in brackets; from medium on it is bad.
fn tag(severity: Severity, paint: Paint) -> String {
    let tag = format!("[{severity}]");
    if severity >= Severity::Medium { paint.red(&tag) } else { tag }
}

/// A rate and its 95 % interval, of what falls without their signs.
fn speed(trend: &Trend) -> String {
    let [low, high] = trend.rate_interval;
    let [low, high] = if trend.rate_per_min < 0.0 { [-high, -low] } else { [low, high] };
    let [rate, low, high] =
        [trend.rate_per_min.abs(), low, high].map(|rate| amount_text(rate, trend.unit));
    format!("{rate}/min (95 %: {low} to {high})")
}

/// What is said where the time was too short.
const TOO_SHORT: &str = "too little was seen to tell: growth is judged after two to four minutes";
