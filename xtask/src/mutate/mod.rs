//! `cargo xtask mutate`: breaks what should hold, one thing at a time, and asks whether any test
//! notices. A mutant that no test kills is a promise that nobody checks.
//!
//! Two kinds: probes are left out of the running agent and the end-to-end tests asked; operations
//! of the inventory are changed in a copy of the source and its unit tests asked.

use anyhow::{Result, bail};
use clap::Args;

use ask::Fate;

mod ask;
mod descriptors;
mod inventory;
mod operations;
mod probes;
mod resources;
mod space;

#[derive(Args)]
pub(crate) struct Options {
    /// Only the probes (root)
    #[arg(long)]
    probes: bool,
    /// Only the operations of the inventory
    #[arg(long)]
    operations: bool,
    /// Only mutants whose name contains this
    filter: Option<String>,
}

/// Names and fates, printed as they come: a run takes minutes.
#[derive(Default)]
struct Tally {
    mutants: usize,
    survivors: usize,
}

impl Tally {
    fn note(&mut self, name: &str, fate: &Fate) {
        println!("{name}: {fate}");
        self.mutants += 1;
        self.survivors += usize::from(matches!(fate, Fate::Survived));
    }
}

pub(crate) fn mutate(options: &Options) -> Result<()> {
    let both = !options.probes && !options.operations;
    let mut tally = Tally::default();
    let is_wanted =
        |name: &str| options.filter.as_deref().is_none_or(|filter| name.contains(filter));
    if options.operations || both {
        operations::run(is_wanted, &mut |name, fate| tally.note(name, fate))?;
    }
    if options.probes || both {
        probes::run(is_wanted, &mut |name, fate| tally.note(name, fate))?;
    }
    let Tally { mutants, survivors } = tally;
    println!("{mutants} mutants, {survivors} survivors");
    if mutants == 0 {
        // A misspelt filter must not look like success.
        bail!("no mutant has such a name");
    }
    if survivors > 0 {
        bail!("{survivors} of {mutants} mutants survived: no test checks what they break");
    }
    Ok(())
}
