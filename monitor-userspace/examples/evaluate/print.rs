//! The figures as tables.

use super::early::Early;
use super::goal::Goal;
use super::quality::{Quality, Reliability};
use super::report::{Compared, Mode, Report};
use super::tally::{Row, Share};

pub fn report(report: &Report) {
    for mode in &report.modes {
        println!("\n{}", if mode.sees_pages { "with staleness" } else { "bare series" });
        classes(mode);
        quality("end", &mode.end);
        quality("ever", &mode.ever);
        quality("never fitted, end", &mode.unfitted_end);
        quality("never fitted, ever", &mode.unfitted_ever);
        severities(&mode.healthy);
        reliability(&mode.reliability);
        first_minutes(&mode.first_minutes);
    }
    let [bare, with_pages] = &report.modes;
    let ours = [
        ("this, bare series", &bare.end, &bare.ever),
        ("this, with staleness", &with_pages.end, &with_pages.ever),
    ];
    compared(&report.baselines, &ours);
    for mode in &report.modes {
        goals(if mode.sees_pages { "with staleness" } else { "bare series" }, &mode.goals);
    }
}

fn classes(mode: &Mode) {
    println!(
        "{:<26} {:>6} {:>6} {:>6} {:>6}  {:<12} {:>7} {:>6} {:>6} {:>7} {:>9} {:>7}",
        "class",
        "series",
        "low",
        "ever",
        "end",
        "95 %",
        "minutes",
        "time",
        "rate",
        "covered",
        "forecast",
        "p10-p90"
    );
    mode.classes.iter().chain([&mode.leaks, &mode.healthy]).for_each(class);
}

fn class(row: &Row) {
    let [low, high] = row.at_end.interval;
    println!(
        "{}{:<24} {:>6} {:>6} {:>6} {:>6}  {:<12} {:>7} {:>6} {:>6} {:>7} {:>9} {:>7}",
        if row.is_leak { "L " } else { "  " },
        row.class,
        row.series,
        share(&row.ever_low),
        share(&row.ever_medium),
        share(&row.at_end),
        format!("{low:.3}-{high:.3}"),
        row.minutes_to_verdict.map_or_else(none, |it| format!("{it:.1}")),
        number(row.share_to_verdict),
        number(row.rate_error),
        share(&row.rate_covered),
        number(row.forecast_error),
        share(&row.forecast_covered),
    );
}

pub fn quality(name: &str, of: &Quality) {
    println!(
        "{name}: precision {}, recall {}, F1 {:.3}, healthy flagged {}",
        bounded(&of.precision),
        bounded(&of.recall),
        of.f1,
        bounded(&of.healthy_flagged)
    );
}

fn severities(healthy: &Row) {
    println!(
        "healthy ever low or above: {}; ever medium or above: {}; false findings: {} in {:.0} \
         process-days, {} a day",
        bounded(&healthy.ever_low),
        bounded(&healthy.ever_medium),
        healthy.openings,
        healthy.days,
        number(healthy.openings_per_day)
    );
}

fn reliability(of: &Reliability) {
    println!("{:<9} {:>8} {:>10} {:>6}", "said", "looks", "mean said", "leaks");
    for bin in &of.bins {
        let [low, high] = bin.between;
        let (said, leaks) = (number(bin.said), number(bin.leaks));
        println!("{low:.1}-{high:.1}   {:>8} {said:>10} {leaks:>6}", bin.looks);
    }
    println!("calibration error {:.4}", of.calibration_error);
}

fn first_minutes(early: &Early) {
    let median = early.seconds_to_verdict.map_or_else(none, |it| format!("{it:.0} s"));
    println!(
        "first minutes: strong leaks low or above within 3 minutes {}, medium {}, median {median}; \
         healthy ever low or above {}, medium {}",
        bounded(&early.suspected_soon),
        bounded(&early.called_soon),
        bounded(&early.healthy_low),
        bounded(&early.healthy_medium)
    );
}

/// What several make of the same series: at the end and ever.
pub fn compared(baselines: &[Compared], ours: &[(&str, &Quality, &Quality)]) {
    println!(
        "\n{:<38} {:>9} {:>6}   {:>7} {:>9} {:>6}",
        "on the same series", "precision", "recall", "flagged", "precision", "recall"
    );
    println!("{:<38} {:>16}   {:>24}", "", "end", "ever");
    let theirs = baselines.iter().map(|it| (it.name.about(), &it.end, &it.ever));
    for (name, end, ever) in theirs.chain(ours.iter().copied()) {
        println!(
            "{name:<38} {:>9} {:>6}   {:>7} {:>9} {:>6}",
            share(&end.precision),
            share(&end.recall),
            share(&ever.healthy_flagged),
            share(&ever.precision),
            share(&ever.recall)
        );
    }
    for (name, end, ever) in ours {
        let names = |is_better: &dyn Fn(&Compared) -> bool| {
            let better = baselines.iter().filter(|it| is_better(it));
            let names: Vec<_> = better.map(|it| it.name.about()).collect();
            if names.is_empty() { "none".to_owned() } else { names.join("; ") }
        };
        println!(
            "baselines that are better in both than {name}: at the end {}; ever {}",
            names(&|it| it.end.is_better_in_both(end)),
            names(&|it| it.ever.is_better_in_both(ever))
        );
    }
}

fn goals(of: &str, goals: &[Goal]) {
    println!("\n{:<34} {:>8} {:>14}", format!("goals, {of}"), "value", "wanted");
    for goal in goals {
        let [low, high] = goal.wanted;
        let wanted = match (low > 0.0, high.is_finite() && high < 1.0) {
            (true, true) => format!("{low} to {high}"),
            (true, false) => format!("at least {low}"),
            (false, _) => format!("at most {high}"),
        };
        let value = goal.value.map_or_else(none, |it| {
            if it.fract() == 0.0 { format!("{it:.0}") } else { format!("{it:.4}") }
        });
        let met = if goal.is_met { "met" } else { "NOT MET" };
        println!("{:<34} {value:>8} {wanted:>14}   {met}", goal.name);
    }
}

fn share(of: &Share) -> String {
    number(of.fraction)
}

pub fn number(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{value:.3}"))
}

fn none() -> String {
    "-".to_owned()
}

/// A share with its bounds.
pub fn bounded(of: &Share) -> String {
    let [low, high] = of.interval;
    format!("{} ({low:.3}-{high:.3})", share(of))
}
