//! Rules that change while the run goes on. What holds under a rule that is still there goes on; what
//! was told under one that is gone ends.

use super::Engine;
use crate::{
    event::RuleFile,
    output::Output,
    rule::{Rules, Verdict},
};

impl Engine {
    /// Takes over the user's files of rules. Files that are wrong change nothing: whoever feeds them
    /// has checked them.
    pub(super) fn renew_rules(&mut self, files: &[RuleFile], out: &mut dyn FnMut(Output<'_>)) {
        let Ok(rules) = Rules::load(files) else { return };
        let at_ns = self.now_ns;
        for (who, held) in self.book.renew(rules) {
            self.tell(&who, at_ns, vec![Verdict::Resolved(held)], out);
        }
    }
}
