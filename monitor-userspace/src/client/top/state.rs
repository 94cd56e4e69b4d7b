//! What is shown, and what each key does to it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::frame::{Frame, Row};

/// Letters of a filter.
const LONGEST_FILTER: usize = 64;
/// Rows that a page key goes.
const PAGE: usize = 20;

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// Who holds most memory.
    Memory,
    /// Whose memory grows fastest.
    Growth,
    /// Who has most descriptors.
    Descriptors,
    /// Who has most threads.
    Threads,
    /// Who takes most CPU.
    Cpu,
    /// By pid.
    Pid,
    /// By name.
    Name,
}

/// What the keys mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Table,
    /// A filter is typed.
    Filter,
    Help,
}

/// What comes after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Leave,
}

/// All of it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) frame: Option<Frame>,
    /// Why the last look failed.
    pub(super) amiss: Option<String>,
    pub(super) sort: Sort,
    pub(super) is_reversed: bool,
    pub(super) filter: String,
    pub(super) mode: Mode,
    pub(super) shows_findings: bool,
    /// Of the rows that are shown.
    pub(super) selected: usize,
    pub(super) has_colour: bool,
}

impl State {
    pub(super) fn new(sort: Sort, has_colour: bool) -> Self {
        Self {
            frame: None,
            amiss: None,
            sort,
            is_reversed: false,
            filter: String::new(),
            mode: Mode::Table,
            shows_findings: true,
            selected: 0,
            has_colour,
        }
    }

    /// Takes a look.
    pub(super) fn take(&mut self, frame: Frame) {
        self.frame = Some(frame);
        self.amiss = None;
    }

    /// The rows that are shown, in order.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let wanted = self.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let is_wanted = |row: &&Row| {
            wanted.is_empty()
                || has(&row.comm)
                || has(&row.user)
                || has(&row.component)
                || row.pid.to_string() == wanted
        };
        let all = self.frame.iter().flat_map(|frame| &frame.rows);
        let mut rows: Vec<&Row> = all.filter(is_wanted).collect();
        let most = |of: fn(&Row) -> Option<f64>| {
            // What is unknown comes last.
            move |one: &&Row, other: &&Row| {
                let [one_is, other_is] = [one, other].map(|row| of(row).unwrap_or(f64::MIN));
                other_is.total_cmp(&one_is).then(one.pid.cmp(&other.pid))
            }
        };
        match self.sort {
            Sort::Memory => rows.sort_by(most(|row| row.memory_bytes)),
            Sort::Growth => rows.sort_by(most(|row| row.growth_per_min)),
            Sort::Descriptors => rows.sort_by(most(|row| row.descriptors)),
            Sort::Threads => rows.sort_by(most(|row| row.threads)),
            Sort::Cpu => rows.sort_by(most(|row| row.cpu_percent)),
            Sort::Pid => rows.sort_by_key(|row| row.pid),
            Sort::Name => {
                rows.sort_by(|one, other| (&one.comm, one.pid).cmp(&(&other.comm, other.pid)));
            }
        }
        if self.is_reversed {
            rows.reverse();
        }
        rows
    }

    /// Does what a key says.
    pub(super) fn key(&mut self, key: KeyEvent) -> Next {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Next::Leave } else { Next::Stay };
        }
        match self.mode {
            Mode::Filter => self.filter_key(key.code),
            Mode::Help => self.mode = Mode::Table,
            Mode::Table => return self.table_key(key.code),
        }
        Next::Stay
    }

    fn filter_key(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.mode = Mode::Table,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Table;
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if self.filter.chars().count() < LONGEST_FILTER => self.filter.push(c),
            _ => {}
        }
        self.selected = 0;
    }

    fn table_key(&mut self, key: KeyCode) -> Next {
        let last = self.rows().len().saturating_sub(1);
        match key {
            KeyCode::Char('q') => return Next::Leave,
            KeyCode::Esc if self.filter.is_empty() => return Next::Leave,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.mode = Mode::Help,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Char('f') => self.shows_findings = !self.shows_findings,
            KeyCode::Char('r') => self.is_reversed = !self.is_reversed,
            KeyCode::Down | KeyCode::Char('j') => self.selected += 1,
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.selected += PAGE,
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(PAGE),
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = last,
            KeyCode::Char(c) => self.sort_by(c),
            _ => {}
        }
        self.selected = self.selected.min(last);
        Next::Stay
    }

    fn sort_by(&mut self, key: char) {
        if let Some((_, sort, _)) = SORTS.iter().find(|(letter, ..)| *letter == key) {
            self.sort = *sort;
            self.is_reversed = false;
            self.selected = 0;
        }
    }
}

/// Keys that sort, and what they say in the help.
pub(super) const SORTS: [(char, Sort, &str); 7] = [
    ('m', Sort::Memory, "by memory: anonymous, resident and swapped"),
    ('g', Sort::Growth, "by growth of it while this runs"),
    ('d', Sort::Descriptors, "by descriptors"),
    ('t', Sort::Threads, "by threads"),
    ('c', Sort::Cpu, "by CPU, in percent of one core"),
    ('p', Sort::Pid, "by pid"),
    ('n', Sort::Name, "by name"),
];
