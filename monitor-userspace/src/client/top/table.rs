//! The table of processes, with as many columns as the screen has room for.

use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    style::{Modifier, Style},
    widgets::{Cell, Row as TableRow, Table, TableState},
};

use super::{
    draw::{bytes, number, style},
    frame::Row,
    state::{Sort, State},
};
use crate::output::byte_text;

/// A column.
struct Column {
    name: &'static str,
    /// The order that it shows.
    sort: Option<Sort>,
    width: u16,
    /// Texts begin on the left, numbers end on the right.
    is_text: bool,
    /// The higher, the longer it stays where there is little room.
    rank: u8,
    of: fn(&Row) -> String,
}

const COLUMNS: [Column; 10] = [
    number_column("PID", Some(Sort::Pid), 8, 9, |row| row.pid.to_string()),
    text_column("NAME", Some(Sort::Name), 16, 10, |row| row.comm.clone()),
    number_column("MEMORY", Some(Sort::Memory), 10, 8, |row| bytes(row.memory_bytes)),
    number_column("GROWTH/min", Some(Sort::Growth), 11, 7, growth),
    number_column("RSS", None, 10, 1, |row| bytes(row.rss_bytes)),
    number_column("FDS", Some(Sort::Descriptors), 7, 6, |row| number(row.descriptors, 0)),
    number_column("THREADS", Some(Sort::Threads), 8, 4, |row| number(row.threads, 0)),
    number_column("CPU%", Some(Sort::Cpu), 6, 5, |row| number(row.cpu_percent, 1)),
    text_column("USER", None, 8, 2, |row| row.user.clone()),
    text_column("COMPONENT", None, 12, 3, |row| row.component.clone()),
];

const fn number_column(
    name: &'static str,
    sort: Option<Sort>,
    width: u16,
    rank: u8,
    of: fn(&Row) -> String,
) -> Column {
    Column { name, sort, width, is_text: false, rank, of }
}

const fn text_column(
    name: &'static str,
    sort: Option<Sort>,
    width: u16,
    rank: u8,
    of: fn(&Row) -> String,
) -> Column {
    Column { name, sort, width, is_text: true, rank, of }
}

fn growth(row: &Row) -> String {
    // Below a page a minute nothing moves.
    let text = |rate: f64| if rate.abs() < 4096.0 { "0".to_owned() } else { byte_text(rate) };
    row.growth_per_min.map_or("-".to_owned(), text)
}

/// The columns that fit, each with a blank behind it.
fn fitting(width: u16) -> Vec<&'static Column> {
    let mut columns: Vec<&Column> = COLUMNS.iter().collect();
    let needed = |columns: &[&Column]| columns.iter().map(|it| it.width + 1).sum::<u16>();
    while columns.len() > 1 && needed(&columns) > width + 1 {
        let least = columns.iter().map(|column| column.rank).min();
        columns.retain(|column| Some(column.rank) != least);
    }
    columns
}

pub(super) fn draw(screen: &mut Frame<'_>, state: &mut State, area: Rect) {
    let columns = fitting(area.width);
    let rows = state.rows();
    let selected = state.selected.min(rows.len().saturating_sub(1));
    let shown = rows.iter().map(|row| {
        let cells = columns.iter().map(|column| column.cell((column.of)(row)));
        TableRow::new(cells).style(style(state, row.severity.as_deref()))
    });
    let mark = if state.is_reversed { "^" } else { "v" };
    let heading = columns.iter().map(|column| {
        let mark = if column.sort == Some(state.sort) { mark } else { "" };
        column.cell(format!("{}{mark}", column.name))
    });
    let heading = TableRow::new(heading).style(Style::new().add_modifier(Modifier::BOLD));
    let widths = columns.iter().enumerate().map(|(at, column)| {
        // What is left over is the last one's.
        if at + 1 == columns.len() {
            Constraint::Min(column.width)
        } else {
            Constraint::Length(column.width)
        }
    });
    let table = Table::new(shown, widths)
        .header(heading)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut position = TableState::new().with_selected(Some(selected));
    screen.render_stateful_widget(table, area, &mut position);
    state.selected = selected;
}

impl Column {
    fn cell(&self, text: String) -> Cell<'static> {
        let width = usize::from(self.width);
        Cell::from(if self.is_text { text } else { format!("{text:>width$}") })
    }
}
