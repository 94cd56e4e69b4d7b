//! Silences: a cause that somebody knows of stays quiet for a time, unless it doubles.

use std::collections::BTreeSet;

use super::{Case, Change, Ledger, Silence, hash};
use crate::output::Timestamp;

/// Silences at one time.
const MAX_SILENCES: usize = 1000;

impl Ledger {
    /// Silences the cause of a finding, which may be named by what its id begins with. An error says why
    /// not.
    pub fn silence(
        &mut self,
        finding: &str,
        for_ns: i64,
        reason: &str,
        now: Timestamp,
    ) -> Result<Silence, String> {
        if self.rows.silences.len() >= MAX_SILENCES {
            return Err(format!("there are {MAX_SILENCES} silences: end one before"));
        }
        let case = self.named(finding)?;
        let about = case.about.clone();
        let id = hash([about.id.as_bytes(), &now.0.to_le_bytes()]);
        let id = format!("{:08x}", (id ^ (id >> 32)) as u32);
        let silence = Silence {
            id,
            finding: about.id,
            cause: about.cause,
            from: now,
            until: Timestamp(now.0.saturating_add(for_ns)),
            reason: reason.to_owned(),
            rate_per_min: about.rate_per_min,
            size: about.size,
        };
        self.change(Change::Silence(silence.clone()));
        self.tell(now);
        Ok(silence)
    }

    /// Ends a silence; whether there was one.
    pub fn unsilence(&mut self, id: &str, now: Timestamp) -> bool {
        if !self.rows.silences.contains_key(id) {
            return false;
        }
        self.change(Change::NoSilence(id.to_owned()));
        self.tell(now);
        true
    }

    /// The open case of a finding, by what this run of the agent or an earlier one calls it.
    fn named(&self, finding: &str) -> Result<&Case, String> {
        let ids = self.seen.iter().chain(self.rows.cases.keys().map(|id| (id, id)));
        let fits = ids.filter(|(called, _)| !finding.is_empty() && called.starts_with(finding));
        let fits: BTreeSet<&String> = fits.map(|(_, id)| id).collect();
        let open = |id: &&String| self.rows.cases.get(*id).filter(|case| case.ended.is_none());
        let mut cases = fits.iter().filter_map(open);
        match (cases.next(), cases.next()) {
            (Some(case), None) => Ok(case),
            (None, _) => Err(format!("no open finding is called {finding}")),
            (Some(_), Some(_)) => {
                Err(format!("several findings begin with {finding}: write more of it"))
            }
        }
    }
}
