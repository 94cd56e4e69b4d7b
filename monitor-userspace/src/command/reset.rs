//! `reset`: the running agent forgets what it kept. What is forgotten is gone, so somebody is asked first.

use std::io::{self, BufRead, IsTerminal as _, Write};

use anyhow::{Context as _, Result};
use hyper::Method;

use super::{Agent, Refusal};

/// Where it is asked to.
const RESET: &str = "/api/monitoring/reset";

/// Which agent forgets, and whether that is sure.
#[derive(Clone, Debug, clap::Args)]
pub struct Reset {
    /// Which.
    #[command(flatten)]
    pub agent: Agent,

    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

pub(super) fn reset(asked: &Reset) -> Result<u8> {
    if !asked.yes {
        if !io::stdin().is_terminal() {
            let message = "the history cannot be brought back: say --yes where nobody can be asked";
            return Err(Refusal::new(Refusal::USAGE, message).into());
        }
        if !is_wanted(&mut io::stdin().lock(), &mut io::stderr())? {
            return Ok(1);
        }
    }
    let client = asked.agent.reach.client()?;
    let body = client.ask(Method::POST, RESET, Vec::new())?.taken(RESET)?;
    let mut out = io::stdout();
    if asked.agent.json {
        out.write_all(&body)?;
        writeln!(out)?;
    } else {
        writeln!(out, "the history is empty")?;
    }
    Ok(0)
}

/// Asks; only a yes is one.
fn is_wanted(from: &mut impl BufRead, to: &mut impl Write) -> Result<bool> {
    write!(
        to,
        "Forget all samples and findings that the agent kept? They cannot be brought back. [y/N] "
    )?;
    to.flush()?;
    let mut line = String::new();
    from.read_line(&mut line).context("read the answer")?;
    let is_yes = matches!(line.trim().to_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        writeln!(to, "nothing was forgotten")?;
    }
    Ok(is_yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (said, means) in
            [("y\n", true), ("Yes\n", true), ("\n", false), ("", false), ("yess\n", false)]
        {
            let mut asked = Vec::new();
            assert_eq!(is_wanted(&mut said.as_bytes(), &mut asked).unwrap(), means, "{said:?}");
            assert!(String::from_utf8(asked).unwrap().contains("[y/N]"));
        }
    }
}
