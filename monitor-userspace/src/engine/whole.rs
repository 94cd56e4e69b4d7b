//! A cgroup or the host as a whole: the series of its memory, and what stands of their growth once
//! the findings about its processes have had their say.

use crate::rule::{Change, Grew, Member, Moved, Part, Parts, PartsReport, Said, Told, weigh};

/// From this share of a growth on it is that of what is within.
const WITHIN: f64 = 0.5;

/// Growth that nobody else's finding says.
#[derive(Clone, Debug)]
pub struct Standing {
    /// In figures.
    pub report: PartsReport,
    /// Whose processes grew with it.
    pub grew: Vec<Grew>,
}

/// What is to be told of it.
#[derive(Debug)]
pub struct Tale {
    /// What changed.
    pub told: Told,
    /// What stands, or stood until now.
    pub standing: Standing,
    /// Whether it is over because findings about its processes say it now.
    pub is_theirs: bool,
}

/// Memory of a cgroup or of the host.
#[derive(Debug)]
pub struct Whole {
    parts: Parts,
    standing: Option<Standing>,
}

impl Whole {
    /// Nothing seen yet.
    pub fn new(parts: Parts) -> Self {
        Self { parts, standing: None }
    }

    /// Its series.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Its series.
    pub fn parts_mut(&mut self) -> &mut Parts {
        &mut self.parts
    }

    /// Growth that nobody else's finding says.
    pub fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// Whether a finding about it is told: since when, and under which rule.
    pub fn told(&self) -> Option<(Told, &Standing)> {
        let crate::rule::Gate::Open { opened_ns, rule } = self.parts.gate else { return None };
        Some((Told { change: Change::Updated, opened_ns, rule }, self.standing.as_ref()?))
    }

    /// Weighs a change against the processes it may be of; `within` says how many bytes of a part's
    /// rise are that of a whole within this one. Returns what stood before.
    pub fn weigh(
        &mut self,
        (change, report): (Change, &PartsReport),
        members: &[Member<'_>],
        within: impl Fn(&Moved) -> f64,
    ) -> Option<Standing> {
        let now = (change != Change::Ended).then(|| stand(report, members, within)).flatten();
        std::mem::replace(&mut self.standing, now)
    }

    /// What was told of it has ended: nothing is told again for so long.
    pub fn rest(&mut self, at_ns: u64, cooldown_ns: u64) {
        self.parts.gate.rest(at_ns, cooldown_ns);
    }

    /// Says what is told after a change; `before` is what stood until now.
    pub fn tell(
        &mut self,
        change: Change,
        before: Option<Standing>,
        said: Option<Said>,
        at_ns: u64,
    ) -> Option<Tale> {
        let said = said.filter(|_| self.standing.is_some());
        let told = self.parts.gate.step(change, said, at_ns)?;
        let is_theirs = change != Change::Ended && self.standing.is_none();
        let standing = self.standing.clone().or(before)?;
        Some(Tale { told, standing, is_theirs })
    }
}

fn stand(
    report: &PartsReport,
    members: &[Member<'_>],
    within: impl Fn(&Moved) -> f64,
) -> Option<Standing> {
    // Of a cgroup's memory only the whole is judged; whose it is, the part tells that grows most.
    let asked = |moved: &Moved| match moved.part {
        Part::Held => Moved { part: report.place(), ..*moved },
        _ => *moved,
    };
    let report = report.led_by(|moved| {
        !weigh(&asked(moved), members).is_theirs && within(moved) < WITHIN * moved.rise.max(1.0)
    })?;
    let led = Moved { part: report.rated, rise: report.rise, growth: Some(report.growth) };
    let grew = weigh(&asked(&led), members).grew;
    Some(Standing { report, grew })
}

/// How many bytes of the rise of a part are that of a component within the one at `outer`, or on the
/// host, whether or not that is a finding yet.
pub fn rise_within<'a>(
    outer: Option<&str>,
    moved: &Moved,
    all: impl Iterator<Item = (&'a str, &'a Whole)>,
) -> f64 {
    let Some(growth) = moved.growth else { return 0.0 };
    let rise = |(path, whole): (&str, &Whole)| {
        let is_inner = outer.is_none_or(|outer| path != outer && is_in(path, outer));
        if !is_inner {
            return 0.0;
        }
        let parts = Part::COMPONENT.into_iter().map(|part| {
            let share =
                if outer.is_some() && part == Part::Held { 1.0 } else { moved.part.is_of(part) };
            share * whole.parts().rise(part, growth.since_ns).max(0.0)
        });
        parts.sum()
    };
    // Memory of a component is that of those around it, too: it must not count twice.
    all.map(rise).fold(0.0, f64::max)
}

/// Whether a cgroup is another or within it.
pub fn is_in(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_is_within_one_of_whose_path_its_own_is_a_continuation() {
        assert!(is_in("/a/b", "/a") && is_in("/a", "/a"));
        assert!(!is_in("/ab", "/a") && !is_in("/a", "/a/b"));
    }
}
