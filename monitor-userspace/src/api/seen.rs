//! What was seen, asked for once by however many want to know.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::sync::Mutex;

use crate::{agent::Desk, output::View};

/// A view is given again for so long: making one takes time of the thread that takes the events.
const FRESH: Duration = Duration::from_secs(2);

/// The last view.
#[derive(Debug)]
pub struct Seen {
    desk: Desk,
    last: Mutex<Option<(Instant, Arc<View>)>>,
}

impl Seen {
    /// Nothing asked yet.
    pub fn new(desk: Desk) -> Self {
        Self { desk, last: Mutex::default() }
    }

    /// What was seen until now, or at most two seconds ago. Who asks while another is waiting gets the
    /// same answer.
    pub async fn now(&self) -> Result<Arc<View>> {
        let mut last = self.last.lock().await;
        if let Some((at, view)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(view));
        }
        let view: Arc<View> = self.desk.view().await?.into();
        *last = Some((Instant::now(), Arc::clone(&view)));
        Ok(view)
    }
}

#[cfg(test)]
impl Seen {
    /// An empty view, which is as good as new for an hour.
    pub(crate) async fn stays(&self) {
        *self.last.lock().await = Some((Instant::now() + Duration::from_hours(1), Arc::default()));
    }
}
