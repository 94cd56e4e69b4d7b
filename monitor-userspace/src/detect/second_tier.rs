//! What looks found beside the series: how much of the memory is touched, and whether the objects that are
//! counted are used and given back. Only what is suspected is looked at.

use super::objects::{LookAtObjects, UseBounds};
use super::touched::{LookAtPages, Touched};

/// What looks found is forgotten when nobody has looked for so long.
const LASTS_NS: u64 = 1_800_000_000_000;

/// Looks at what a series measures, and what they say of its growth. Few series have any.
#[derive(Clone, Debug, Default)]
pub(super) struct SecondTier(Option<Box<Looks>>);

#[derive(Clone, Debug, Default)]
struct Looks {
    touched: Option<Touched>,
    objects: Option<Objects>,
    log_likelihood: f64,
}

/// What is known of the objects that are counted.
#[derive(Clone, Copy, Debug)]
struct Objects {
    at_ns: u64,
    look: LookAtObjects,
    bounds: UseBounds,
}

/// The growth that is looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct LookedInto {
    /// By how much it grew.
    pub(super) added: f64,
    /// Since when, ns since boot.
    pub(super) since_ns: u64,
    /// Whether it reaches heights that nothing reached before.
    pub(super) is_new: bool,
}

impl SecondTier {
    /// Nothing was looked at.
    pub(super) const NONE: Self = Self(None);

    /// Takes a look at accessed pages.
    pub(super) fn add_pages(&mut self, now_ns: u64, look: &LookAtPages) {
        let touched = &mut self.0.get_or_insert_default().touched;
        touched.get_or_insert_with(Touched::new).add(now_ns, look);
    }

    /// Takes a look at objects; `bounds` is what use says of their kind.
    pub(super) fn set_objects(&mut self, at_ns: u64, look: LookAtObjects, bounds: UseBounds) {
        self.0.get_or_insert_default().objects = Some(Objects { at_ns, look, bounds });
    }

    /// What the last look at the objects found.
    pub(super) fn objects(&self) -> Option<LookAtObjects> {
        self.0.as_ref()?.objects.map(|it| it.look)
    }

    /// Share of the memory that was touched in the quietest of the longest looks.
    pub(super) fn touched_share(&self) -> Option<f64> {
        self.0.as_ref()?.touched.as_ref().map(Touched::share)
    }

    /// The same of what was added since then.
    pub(super) fn added_share(&self, since_ns: u64) -> Option<f64> {
        let touched = self.0.as_ref()?.touched.as_ref()?;
        touched.share_of_added(since_ns).map(|(share, _)| share)
    }

    /// ln of how much likelier a leak is by all looks, as last weighed.
    pub(super) fn log_likelihood(&self) -> f64 {
        self.0.as_ref().map_or(0.0, |it| it.log_likelihood)
    }

    /// Weighs what the looks so far say of a growth.
    pub(super) fn weigh(&mut self, growth: &LookedInto) {
        let Some(looks) = &mut self.0 else { return };
        let &LookedInto { added, since_ns, is_new } = growth;
        let touched = looks.touched.as_ref().map(|it| it.log_likelihood(added, since_ns));
        let objects = looks.objects.map(|it| it.look.log_likelihood(it.bounds));
        // What was given back or stopped growing by itself before was no leak, though unread.
        let most = if is_new { f64::INFINITY } else { 0.0 };
        looks.log_likelihood = (touched.unwrap_or(0.0) + objects.unwrap_or(0.0)).min(most);
    }

    /// Forgets looks that are long ago; what is left has to be weighed anew.
    pub(super) fn forget_old(&mut self, now_ns: u64) {
        let Some(looks) = &mut self.0 else { return };
        let long_ago_ns = now_ns.saturating_sub(LASTS_NS);
        looks.touched.take_if(|it| it.at_ns() < long_ago_ns);
        looks.objects.take_if(|it| it.at_ns < long_ago_ns);
        if looks.touched.is_none() && looks.objects.is_none() {
            self.0 = None;
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let Some(looks) = &self.0 else { return 0 };
        let inside = size_of::<Touched>();
        size_of::<Looks>() + looks.touched.as_ref().map_or(0, |it| it.memory_bytes() - inside)
    }
}
