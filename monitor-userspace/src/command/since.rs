//! `--since`: what a running agent kept, as it answers.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
};

use anyhow::{Context as _, Result};

use super::{
    Look, Refusal,
    ask::{judged, look_yourself},
    output_to, watch,
};
use crate::{cli::Cli, sink::answer::Question};

/// Asks the agent of this host; the exit status.
pub(super) fn answer(question: &Question, since: &str, look: &Look, cli: &Cli) -> Result<u8> {
    let name = match question {
        Question::Leaks => "leaks",
        Question::Trends => "trends",
        Question::Report => "report",
        Question::Optimize | Question::Explain(_) => {
            let message = "--since is for leaks, trends and report";
            return Err(Refusal::new(Refusal::USAGE, message).into());
        }
    };
    let output = look.output.as_deref().or(cli.output.as_deref());
    let has_colour = output.is_none() && io::stdout().is_terminal() && watch::paint().has_colour;
    let as_json = look.json || cli.json;
    let since = escaped(since);
    let path = format!(
        "/api/monitoring/answers/{name}?text={}&colour={has_colour}&since={since}",
        !as_json
    );
    let body = look.reach.client()?.get(&path).map_err(|error| look_yourself(name, error))?;
    let mut out = output_to(output)?;
    out.write_all(&body).and_then(|()| out.flush()).context("write the answer")?;
    judged(&look.reach, cli.fail_on, &format!("?since={since}"))
}

/// For the query of a URL.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            all.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_survives_the_way() {
        assert_eq!(escaped("2026-01-17T10:30:00+01:00"), "2026-01-17T10%3A30%3A00%2B01%3A00");
    }
}
