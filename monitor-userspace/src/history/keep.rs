//! How much is kept: by age, and by what it takes on disk.

use super::{Store, StoreError, schema::ONE_HOUR};

/// Parts of a hundred of the size allowed at which something goes, and down to which.
const FULL: u64 = 90;
const ROOM: u64 = 80;
/// Into so many parts what is kept is cut to make room; one goes at a time.
const PARTS: i64 = 8;

impl Store {
    /// Forgets what is older than it is to be kept.
    pub(super) fn drop_old(&mut self, at_ms: i64) -> Result<(), StoreError> {
        let keep_ms = i64::try_from(self.options.keep.0.as_millis()).unwrap_or(i64::MAX);
        let oldest = at_ms.saturating_sub(keep_ms);
        self.drop_before(at_ms.saturating_sub(keep_ms / 2), oldest)
    }

    /// Forgets samples and steps of five minutes from before `fine_ms`, and everything else from before
    /// `rest_ms`.
    pub(super) fn drop_before(&mut self, fine_ms: i64, rest_ms: i64) -> Result<(), StoreError> {
        let hour = fine_ms.div_euclid(ONE_HOUR.step_ms);
        let all = self.db.transaction()?;
        all.execute("DELETE FROM chunk WHERE hour < ?", [hour])?;
        all.execute("DELETE FROM five_minutes_step WHERE ts_ms < ?", [fine_ms])?;
        all.execute("DELETE FROM one_hour_step WHERE ts_ms < ?", [rest_ms])?;
        all.execute("DELETE FROM look WHERE ts_ms < ?", [rest_ms])?;
        all.execute("DELETE FROM finding WHERE updated_ms < ?", [rest_ms])?;
        all.execute("DELETE FROM finding_change WHERE ts_ms < ?", [rest_ms])?;
        all.execute(
            "DELETE FROM series WHERE last_ms < ? AND id NOT IN (SELECT series FROM recent)",
            [rest_ms],
        )?;
        all.execute(
            "DELETE FROM run WHERE last_ms < ? AND id <> (SELECT max(id) FROM run)",
            [rest_ms],
        )?;
        Ok(all.commit()?)
    }

    /// Makes room where what is kept takes nearly all it may: first the oldest samples and steps of five
    /// minutes go, then everything that is old.
    pub(super) fn keep_to_size(&mut self) -> Result<(), StoreError> {
        let most = self.options.max_bytes.0.max(super::LEAST_BYTES);
        if self.used_bytes()? <= most / 100 * FULL {
            return self.give_back(Some(most));
        }
        while self.used_bytes()? > most / 100 * ROOM {
            if !self.drop_some()? {
                break;
            }
        }
        self.give_back(Some(most))
    }

    /// Drops an eighth of the time of what is finest; whether anything was there to drop.
    fn drop_some(&mut self) -> Result<bool, StoreError> {
        let step = ONE_HOUR.step_ms;
        let [fine, steps, rest, last] = self.db.query_row(
            "SELECT (SELECT min(hour) * ?1 FROM chunk), (SELECT min(ts_ms) FROM five_minutes_step), \
             (SELECT min(ts_ms) FROM look), (SELECT max(ts_ms) FROM look)",
            [step],
            |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<i64>>(3)?]),
        )?;
        let Some(last) = last else { return Ok(false) };
        // Of an hour and more; the one that goes on is not packed yet.
        let until = |first: i64| first + ((last - first) / PARTS).max(step);
        let none = i64::MIN / 2;
        let finest = [fine, steps].into_iter().flatten().min();
        let cut = finest.map(until).filter(|cut| *cut < last);
        if let Some(cut) = cut {
            self.drop_before(cut, none)?;
            return Ok(true);
        }
        let cut = rest.map(until).filter(|cut| *cut < last);
        if let Some(cut) = cut {
            self.drop_before(cut, cut)?;
            return Ok(true);
        }
        // An hour of a host too large for the size allowed: half of it.
        let half =
            "DELETE FROM recent WHERE look < (SELECT (min(look) + max(look)) / 2 FROM recent)";
        Ok(self.db.execute(half, [])? > 0)
    }

    /// What the file holds, without its free pages.
    pub(super) fn used_bytes(&self) -> Result<u64, StoreError> {
        let [pages, free, size] = self.pages()?;
        Ok((pages - free) * size)
    }

    /// Size of the file.
    pub(super) fn file_bytes(&self) -> Result<u64, StoreError> {
        let [pages, _, size] = self.pages()?;
        Ok(pages * size)
    }

    /// Pages, those of them that are free, and the size of one.
    fn pages(&self) -> Result<[u64; 3], StoreError> {
        let of = |name: &str| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let [pages, free, size] = [of("page_count")?, of("freelist_count")?, of("page_size")?];
        Ok([pages, free, size].map(i64::unsigned_abs))
    }

    /// Gives free pages back to the file system as far as the file is larger than that; all of them if nobody
    /// says.
    pub(super) fn give_back(&self, most: Option<u64>) -> Result<(), StoreError> {
        let [pages, free, size] = self.pages()?;
        let excess = most.map_or(free, |most| pages.saturating_sub(most / size).min(free));
        if excess > 0 {
            // It gives a page a step.
            let mut vacuum = self.db.prepare(&format!("PRAGMA incremental_vacuum({excess})"))?;
            let mut steps = vacuum.query([])?;
            while steps.next()?.is_some() {}
        }
        Ok(())
    }
}
