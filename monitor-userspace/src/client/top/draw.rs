//! Draws the state. Whatever the size of the screen, nothing is drawn outside.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::Line,
    widgets::{Block, Clear, Paragraph},
};

use super::{
    frame::Head,
    state::{Mode, SORTS, State},
    table,
};
use crate::{client::words, output::byte_text, sink};

/// Findings that are shown at most.
const FINDINGS: usize = 6;

pub(super) fn draw(screen: &mut Frame<'_>, state: &mut State) {
    let findings = state.frame.as_ref().map_or(0, |frame| frame.findings.len());
    // Two lines of border and those of the findings, or one that says that there are none.
    let pane = if state.shows_findings { findings.clamp(1, FINDINGS) as u16 + 2 } else { 0 };
    let areas = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(3),
        Constraint::Length(pane),
        Constraint::Length(1),
    ])
    .areas::<4>(screen.area());
    let [head, table, pane, foot] = areas;
    screen.render_widget(head_lines(state), head);
    table::draw(screen, state, table);
    if state.shows_findings {
        draw_findings(screen, state, pane);
    }
    screen.render_widget(foot_line(state), foot);
    if state.mode == Mode::Help {
        draw_help(screen);
    }
}

pub(super) fn bytes(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), byte_text)
}

pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}

fn head_lines(state: &State) -> Paragraph<'static> {
    let Some(frame) = &state.frame else { return Paragraph::new("asking the agent …") };
    let head = &frame.head;
    let whole = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    let lost = match head.events_lost {
        Some(0) => "nothing lost".to_owned(),
        lost => format!("{} events lost", whole(lost)),
    };
    let first = format!(
        "memwatch-ebpf {}: {}, watched for {}, {lost}",
        head.version,
        words::counted(&head.processes.into(), "process", "processes"),
        head.uptime_seconds.map_or("-".to_owned(), sink::time_text)
    );
    Paragraph::new(vec![Line::from(first), Line::from(host_line(head))])
}

fn host_line(head: &Head) -> String {
    let used = head.memory_bytes.zip(head.available_bytes).map(|(all, available)| all - available);
    format!(
        "memory {} of {} in use, swap {}, CPU {} %",
        bytes(used),
        bytes(head.memory_bytes),
        bytes(head.swap_used_bytes),
        number(head.cpu_percent, 1)
    )
}

/// A colour, where colours are welcome; else what carries the same.
pub(super) fn style(state: &State, severity: Option<&str>) -> Style {
    match (severity, state.has_colour) {
        (Some("high" | "critical"), true) => Style::new().fg(Color::Red),
        (Some(_), true) => Style::new().fg(Color::Yellow),
        (Some("high" | "critical"), false) => Style::new().add_modifier(Modifier::BOLD),
        _ => Style::new(),
    }
}

fn draw_findings(screen: &mut Frame<'_>, state: &State, area: Rect) {
    let findings = state.frame.as_ref().map_or(&[][..], |frame| &frame.findings);
    let mut lines: Vec<Line<'_>> = findings
        .iter()
        .take(FINDINGS)
        .map(|it| Line::styled(it.text.clone(), style(state, Some(&it.severity))))
        .collect();
    if lines.is_empty() {
        lines.push(Line::from("no open findings"));
    }
    let title = match findings.len() {
        count if count > FINDINGS => format!(" findings: the worst {FINDINGS} of {count} "),
        _ => " findings ".to_owned(),
    };
    screen.render_widget(Paragraph::new(lines).block(Block::bordered().title(title)), area);
}

fn foot_line(state: &State) -> Paragraph<'static> {
    if state.mode == Mode::Filter {
        return Paragraph::new(format!(
            "/{}_  Enter keeps it, Esc drops it",
            sink::escape(&state.filter)
        ));
    }
    if let Some(why) = &state.amiss {
        return Paragraph::new(format!("what is shown is old: {why}"))
            .style(style(state, Some("high")));
    }
    let filter = match state.filter.as_str() {
        "" => String::new(),
        filter => format!("filter: {} (Esc drops it)   ", sink::escape(filter)),
    };
    Paragraph::new(format!(
        "{filter}q leaves, ? helps, / filters, m g d t c p n sort, r turns, f findings"
    ))
}

fn draw_help(screen: &mut Frame<'_>) {
    let mut lines: Vec<String> =
        SORTS.iter().map(|(key, _, what)| format!("  {key}        {what}")).collect();
    lines.extend([
        "  r        the other way round".to_owned(),
        "  /        shows only names, users and components with a text in them, or a pid"
            .to_owned(),
        "  f        findings, or more processes".to_owned(),
        "  arrows, j k, PgUp PgDn, Home End".to_owned(),
        "  q, Esc, Ctrl-C leave".to_owned(),
        String::new(),
        "  growth is that between the oldest look kept (5 min) and the last;".to_owned(),
        "  whether it is a leak is what findings say.  Any key goes on.".to_owned(),
    ]);
    let area = screen.area();
    let height = (lines.len() as u16 + 2).min(area.height);
    let width = 76.min(area.width);
    let area = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    screen.render_widget(Clear, area);
    let lines: Vec<Line<'_>> = lines.into_iter().map(Line::from).collect();
    screen.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), area);
}
