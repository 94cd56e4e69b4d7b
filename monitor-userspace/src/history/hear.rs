//! Hears what the engine says and hands on what is to be kept.

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::Handle;
use crate::agent::News;

/// Hands on findings, and the state of all processes as often as it is to be kept, until nobody says
/// anything any more.
pub async fn hear(mut news: Receiver<News>, to: Handle) {
    let step_ns = i64::try_from(to.options().interval.0.as_nanos()).unwrap_or(i64::MAX);
    let mut due_ns = i64::MIN;
    loop {
        match news.recv().await {
            Ok(News::Interval(interval)) if interval.ts.0 >= due_ns => {
                // They come a little early or late, and one that is early must not wait for the next.
                due_ns = interval.ts.0.saturating_add(step_ns / 10 * 9);
                to.look(interval);
            }
            Ok(News::Finding(finding)) => to.finding(finding),
            Ok(News::Interval(_) | News::Final(_) | News::RuleError(_)) => {}
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!("the history missed {missed} news");
                to.health().change(|state| state.lost_findings += missed);
            }
            Err(RecvError::Closed) => return,
        }
    }
}
