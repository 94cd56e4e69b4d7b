//! What was last said of something that grows, and whether there is anything new to say.

use super::Change;

/// An open finding is reported again this often at most, unless its figures moved.
pub(super) const UPDATE_NS: u64 = 60_000_000_000;

/// The figures of an open finding.
pub(super) trait Figures {
    /// Whether they differ enough from what was last said to be told at once.
    fn have_moved(&self, last: &Self) -> bool;
}

/// The open finding about one thing, as last reported. Few things have one.
#[derive(Clone, Debug)]
pub(super) struct News<R>(Option<Box<(R, u64)>>);

impl<R> Default for News<R> {
    fn default() -> Self {
        Self(None)
    }
}

impl<R: Figures + Clone> News<R> {
    /// Compares what is so now with what was last said.
    pub(super) fn hear(&mut self, now: Option<R>, at_ns: u64) -> Option<(Change, R)> {
        let Some(now) = now else {
            return self.0.take().map(|last| (Change::Ended, last.0));
        };
        let change = match self.0.as_deref() {
            None => Change::Opened,
            Some((last, told_ns)) => {
                let is_due = at_ns >= told_ns.saturating_add(UPDATE_NS);
                if !is_due && !now.have_moved(last) {
                    return None;
                }
                Change::Updated
            }
        };
        self.0 = Some(Box::new((now.clone(), at_ns)));
        Some((change, now))
    }
}

impl<R> News<R> {
    /// What is open, as last reported.
    pub(super) fn open(&self) -> Option<&R> {
        self.0.as_deref().map(|(report, _)| report)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |_| size_of::<(R, u64)>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Figures for i32 {
        fn have_moved(&self, last: &Self) -> bool {
            (self - last).abs() > 10
        }
    }

    #[test]
    fn what_moved_is_told_at_once_and_the_rest_once_a_minute() {
        let mut news = News::default();
        assert_eq!(news.hear(None, 0), None);
        assert_eq!(news.hear(Some(5), 1), Some((Change::Opened, 5)));
        assert_eq!(news.hear(Some(6), 2), None);
        assert_eq!(news.open(), Some(&5), "as last reported");
        assert_eq!(news.hear(Some(16), 3), Some((Change::Updated, 16)));
        assert_eq!(news.hear(Some(17), 3 + UPDATE_NS), Some((Change::Updated, 17)));
        assert_eq!(news.hear(None, 4 + UPDATE_NS), Some((Change::Ended, 17)));
        assert_eq!(news.open(), None);
    }
}
