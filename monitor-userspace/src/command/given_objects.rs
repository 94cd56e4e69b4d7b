//! What looks at counted objects found, as exported snapshots tell it.

use serde::Deserialize;

use crate::{
    detect::{LookAtObjects, Survival},
    rule::{Grower, Growths, Signal},
};

/// One kind of objects of a snapshot.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GivenObjects {
    kind: String,
    at: Option<jiff::Timestamp>,
    told: u32,
    idle: u32,
    watched_seconds: u64,
    born: u32,
    died: u32,
    grown: f64,
    lasting: f64,
    beyond: u32,
    files: u32,
    repeated: u32,
}

impl GivenObjects {
    /// Tells the judge what the looks found that came after `looked_at`; when the last of them was.
    pub(super) fn tell(
        given: &[Self],
        looked_at: Option<jiff::Timestamp>,
        growths: &mut Growths,
    ) -> Option<jiff::Timestamp> {
        for objects in given.iter().filter(|it| it.at > looked_at) {
            let is_it = |signal: &Signal| Grower::Signal(*signal).name() == objects.kind.as_str();
            if let Some(signal) = Signal::ALL.into_iter().find(is_it) {
                growths.set_objects(signal, &objects.look());
            }
        }
        given.iter().filter_map(|it| it.at).max().max(looked_at)
    }

    const fn look(&self) -> LookAtObjects {
        LookAtObjects {
            told: self.told,
            idle: self.idle,
            watched_ns: self.watched_seconds.saturating_mul(1_000_000_000),
            born: self.born,
            died: self.died,
            grown: self.grown,
            survival: Survival { lasting: self.lasting, beyond: self.beyond },
            files: self.files,
            repeated: self.repeated,
        }
    }
}
