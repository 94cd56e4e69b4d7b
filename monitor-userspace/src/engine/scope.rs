//! Which processes are watched.

use regex::Regex;

use super::Engine;
use crate::{
    event::{Filters, Start},
    inventory::Watch,
};

/// The compiled `--comm` filter.
#[derive(Clone, Debug, Default)]
pub struct CommPattern(Option<Regex>);

impl CommPattern {
    /// Compiles the filter, if there is one.
    pub fn compile(filters: &Filters) -> Result<Self, regex::Error> {
        filters.comm.as_deref().map(Regex::new).transpose().map(Self)
    }

    pub(super) fn into_regex(self) -> Option<Regex> {
        self.0
    }
}

/// Whether the probes of accepted connections are in place.
pub(super) fn sees_accepts(facts: &Start) -> bool {
    let is_attached = |name: &str| facts.attach.iter().any(|it| it.0 == name && it.1 != "none");
    is_attached("accept") && is_attached("accept4")
}

impl Engine {
    /// How closely a process is watched; `None` where it is none of ours.
    pub(super) fn watch_of(&self, pid: u32, comm: &str, ppid: u32) -> Option<Watch> {
        let filters = &self.facts.filters;
        if pid == self.facts.agent_pid {
            return None;
        }
        let is_followed = filters.follow
            && self.table.get(ppid).is_some_and(|parent| parent.watch == Watch::Named);
        let is_named = filters.pids.contains(&pid)
            || self.facts.command_pid == Some(pid)
            || is_followed
            || self.comm.as_ref().is_some_and(|comm_re| comm_re.is_match(comm));
        if is_named {
            return Some(Watch::Named);
        }
        filters.all.then_some(Watch::Host)
    }

    /// Whether the kernel side traces chosen processes only and must be told each.
    pub(super) fn is_scoped(&self) -> bool {
        !self.facts.filters.all
    }
}
