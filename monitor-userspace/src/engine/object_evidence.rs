//! What looks at counted objects say of a growth, in words.

use crate::{output::Evidence, rule::Report};

/// Whether the objects are used and whether they are given back, as far as that is known.
pub(super) fn object_evidence(report: &Report) -> impl Iterator<Item = Evidence> {
    let look = report.objects;
    let what = report.place.resource();
    let idle = look.and_then(|look| {
        let share = look.idle_share()?;
        Some(Evidence {
            name: "idle_objects".into(),
            value: share,
            says: if share > 0.5 { "leak" } else { "use" },
            text: format!(
                "{} of the {} newest {what} whose use can be told were not used while that was watched, for \
                 half a minute and longer",
                look.idle, look.told
            ),
        })
    });
    let lives = look.filter(|look| look.born > 0 && look.watched_ns > 0).map(|look| {
        let minutes = (look.watched_ns as f64 / 60e9).ceil();
        let text = if look.died == 0 {
            format!(
                "of {} {what} made within {minutes:.0} minutes none was given back while that was watched",
                look.born
            )
        } else {
            format!(
                "{} {what} were made within {minutes:.0} minutes; of those watched {} were given back, and \
                 {:.0} % outlive these",
                look.born,
                look.died,
                look.survival.lasting * 100.0
            )
        };
        let says = spoken(look.lives_likelihood());
        Evidence { name: "lifetimes".into(), value: look.survival.lasting, says, text }
    });
    let repeated = look.and_then(|look| {
        let share = look.repeated_share()?;
        let says = spoken(look.repeats_likelihood());
        let text = format!(
            "of the {} newest open files {} are open more than once",
            look.files, look.repeated
        );
        Some(Evidence { name: "repeated_files".into(), value: share, says, text })
    });
    idle.into_iter().chain(lives).chain(repeated)
}

/// What a likelihood ratio for a leak speaks for.
fn spoken(ratio: f64) -> &'static str {
    match ratio {
        _ if ratio > 1.0 => "leak",
        _ if ratio < 1.0 => "use",
        _ => "nothing",
    }
}
