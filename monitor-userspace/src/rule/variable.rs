//! The variables that conditions may use, found by name.

use super::{
    Grower, GrowthFigures, Subject, Unit, Value, View,
    table::{COMPONENT, HOST, PROCESS, Row},
};

/// First part of the names of growth figures.
const GROWTH: &str = "growth";
/// First part of the names of what applications report.
pub(super) const CUSTOM: &str = "custom";

/// A figure of a growth series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Figure {
    Confidence,
    Rate,
    Verdict,
    EValue,
    Minutes,
}

const FIGURES: [(&str, Figure, Unit, &str); 5] = [
    ("confidence", Figure::Confidence, Unit::Share, "Probability that its growth is a leak"),
    ("rate_per_min", Figure::Rate, Unit::PerMinute, "How fast it grows, in bytes or things"),
    ("verdict", Figure::Verdict, Unit::Text, "What its growth is taken for: leak, suspect, …"),
    ("e_value_log10", Figure::EValue, Unit::Count, "log10 of the evidence that it is no chance"),
    ("minutes_to_limit", Figure::Minutes, Unit::Minutes, "Time until it reaches the nearest limit"),
];

/// Where a variable is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// A line of the table of the subject.
    Table(usize),
    Growth(Grower, Figure),
    Custom(String),
}

/// A variable that a condition uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variable {
    subject: Subject,
    place: Place,
}

impl Variable {
    /// The variable of this name; `None` where a rule about such a subject has none.
    pub fn find(subject: Subject, name: &str) -> Option<Self> {
        let place = place_in_table(subject, name)
            .or_else(|| growth(subject, name))
            .or_else(|| custom(name).filter(|_| subject != Subject::Host))?;
        Some(Self { subject, place })
    }

    /// Its name.
    pub fn name(&self) -> String {
        match &self.place {
            Place::Table(at) => row_text(self.subject, *at).0.to_owned(),
            Place::Growth(grower, figure) => {
                let text = FIGURES.iter().find(|(_, it, ..)| it == figure).map_or("", |it| it.0);
                format!("{GROWTH}.{}.{text}", grower.name())
            }
            Place::Custom(name) => format!("{CUSTOM}.{name}"),
        }
    }

    /// What it counts.
    pub fn unit(&self) -> Unit {
        match &self.place {
            Place::Table(at) => row_text(self.subject, *at).1,
            Place::Growth(_, figure) => {
                FIGURES.iter().find(|(_, it, ..)| it == figure).map_or(Unit::Text, |it| it.2)
            }
            Place::Custom(_) => Unit::Own,
        }
    }

    /// Whose growth it is of.
    pub fn grower(&self) -> Option<&Grower> {
        match &self.place {
            Place::Growth(grower, _) => Some(grower),
            Place::Table(_) | Place::Custom(_) => None,
        }
    }

    /// Its value; unknown of a subject of another kind.
    pub fn read<'a>(&self, view: &View<'a>) -> Value<'a> {
        match (&self.place, view) {
            // A rule about gauges is asked of whoever reports them.
            (Place::Table(_), view) if self.subject != view.subject() => Value::Unknown,
            (Place::Table(at), View::Process(view)) => value(PROCESS, *at, |read| read(view)),
            (Place::Table(at), View::Component(view)) => value(COMPONENT, *at, |read| read(view)),
            (Place::Table(at), View::Host(view)) => value(HOST, *at, |read| read(view)),
            (Place::Growth(grower, figure), view) => {
                let figures = view.growth(grower);
                figures.map_or(Value::Unknown, |figures| figure_of(&figures, *figure))
            }
            (Place::Custom(name), view) => view.custom(name),
        }
    }
}

fn value<'a, R: Copy>(table: &[Row<R>], at: usize, read: impl Fn(R) -> Value<'a>) -> Value<'a> {
    table.get(at).map_or(Value::Unknown, |row| read(row.read))
}

fn figure_of(figures: &GrowthFigures, figure: Figure) -> Value<'static> {
    match figure {
        Figure::Confidence => figures.confidence.into(),
        Figure::Rate => figures.rate_per_min.into(),
        Figure::Verdict => figures.verdict.into(),
        Figure::EValue => figures.e_value_log10.into(),
        Figure::Minutes => figures.minutes_to_limit.into(),
    }
}

fn place_in_table(subject: Subject, name: &str) -> Option<Place> {
    let at = match subject {
        Subject::Process => PROCESS.iter().position(|row| row.name == name),
        Subject::Component => COMPONENT.iter().position(|row| row.name == name),
        Subject::Host => HOST.iter().position(|row| row.name == name),
    };
    at.map(Place::Table)
}

fn row_text(subject: Subject, at: usize) -> (&'static str, Unit) {
    let row = match subject {
        Subject::Process => PROCESS.get(at).map(|row| (row.name, row.unit)),
        Subject::Component => COMPONENT.get(at).map(|row| (row.name, row.unit)),
        Subject::Host => HOST.get(at).map(|row| (row.name, row.unit)),
    };
    row.unwrap_or(("", Unit::Text))
}

fn growth(subject: Subject, name: &str) -> Option<Place> {
    let (grower, figure) = name.strip_prefix(GROWTH)?.strip_prefix('.')?.rsplit_once('.')?;
    let grower = Grower::find(subject, grower)?;
    let (_, figure, ..) = FIGURES.iter().find(|(text, ..)| *text == figure)?;
    Some(Place::Growth(grower, *figure))
}

fn custom(name: &str) -> Option<Place> {
    let name = name.strip_prefix(CUSTOM)?.strip_prefix('.')?;
    crate::event::is_custom_name(name).then(|| Place::Custom(name.to_owned()))
}

/// A variable, as documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documented {
    /// What it is of.
    pub subject: Subject,
    /// Its name; `NAME` stands for a part that others choose.
    pub name: String,
    /// What it counts.
    pub unit: Unit,
    /// What it means.
    pub about: String,
}

/// All variables, in the order of the table.
pub fn documented() -> Vec<Documented> {
    rows_of(PROCESS, Subject::Process)
        .chain(growths_of(Subject::Process))
        .chain([reported(Subject::Process)])
        .chain(rows_of(COMPONENT, Subject::Component))
        .chain(growths_of(Subject::Component))
        .chain([reported(Subject::Component)])
        .chain(rows_of(HOST, Subject::Host))
        .chain(growths_of(Subject::Host))
        .collect()
}

fn growths_of(subject: Subject) -> impl Iterator<Item = Documented> {
    let one = move |grower: Grower| {
        FIGURES.iter().map(move |(figure, _, unit, about)| Documented {
            subject,
            name: format!("{GROWTH}.{}.{figure}", grower.name()),
            unit: *unit,
            about: match grower {
                Grower::AnyGauge => format!("{about}; growth.custom.NAME.{figure} of one gauge"),
                _ => (*about).to_owned(),
            },
        })
    };
    Grower::of(subject).into_iter().flat_map(one)
}

fn rows_of<R>(rows: &'static [Row<R>], subject: Subject) -> impl Iterator<Item = Documented> {
    rows.iter().map(move |row| Documented {
        subject,
        name: row.name.to_owned(),
        unit: row.unit,
        about: row.about.to_owned(),
    })
}

fn reported(subject: Subject) -> Documented {
    let about = "What --counters reports as NAME, also custom[\"NAME\"]: a gauge's value, a \
                 counter's increase a minute";
    Documented { subject, name: format!("{CUSTOM}.NAME"), unit: Unit::Own, about: about.to_owned() }
}

/// The known name that a wrong one was most likely meant to be.
pub(super) fn nearest(subject: Subject, name: &str) -> Option<String> {
    let names = documented().into_iter().filter(|it| it.subject == subject).map(|it| it.name);
    nearest_of(name, names)
}

/// The nearest of some names, if it is near: one of them differs in at most a third of its letters.
pub(super) fn nearest_of(
    name: &str,
    names: impl IntoIterator<Item = impl Into<String>>,
) -> Option<String> {
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    let near = |known: String| {
        let distance = distance(&known);
        (distance * 3 <= known.chars().count().max(3)).then_some((distance, known))
    };
    let found = names.into_iter().filter_map(|known| near(known.into()));
    found.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_variable_is_found_under_its_name_and_once() {
        let all = documented();
        for variable in all.iter().filter(|it| !it.name.ends_with("NAME")) {
            let found = Variable::find(variable.subject, &variable.name).unwrap();
            assert_eq!(found.name(), variable.name);
            assert_eq!(found.unit(), variable.unit);
            let same =
                |it: &&Documented| it.name == variable.name && it.subject == variable.subject;
            assert_eq!(all.iter().filter(same).count(), 1, "{}", variable.name);
        }
        assert_eq!(Variable::find(Subject::Process, "custom.a.b").unwrap().name(), "custom.a.b");
        assert_eq!(Variable::find(Subject::Host, "custom.a"), None);
        assert_eq!(Variable::find(Subject::Process, "mem_total_bytes"), None);
    }

    #[test]
    fn a_typing_error_finds_its_name_and_nonsense_finds_none() {
        let near = |name| nearest(Subject::Process, name);
        assert_eq!(near("descriptor").as_deref(), Some("descriptors"));
        assert_eq!(near("rss_byte").as_deref(), Some("rss_bytes"));
        assert_eq!(near("connections.close_wiat").as_deref(), Some("connections.close_wait"));
        assert_eq!(near("growth.heap.confidnce").as_deref(), Some("growth.heap.confidence"));
        assert_eq!(near("quantum_flux"), None);
    }

    #[test]
    fn every_number_of_a_snapshot_has_a_variable_of_its_name() {
        use crate::output::{AcceptQueue, Connections, DeletedFiles, LoadLine, Snapshot};
        let snapshot = Snapshot {
            connections: Some(Connections::default()),
            load: Some(LoadLine::default()),
            accept_queue: Some(AcceptQueue::default()),
            deleted_files: Some(DeletedFiles::default()),
            ..Snapshot::default()
        };
        let line = serde_json::to_value(&snapshot).unwrap();
        // Who and when, not how much.
        let others = ["ts", "start_time", "ppid", "cmdline", "pod", "source", "accuracy", "limits"];
        // Of what is accessed and of the use of objects the growth rules make use.
        let others = others.iter().chain(&["sampled_at", "final", "access", "objects"]);
        for (name, value) in line.as_object().unwrap() {
            if others.clone().any(|other| other == name) {
                continue;
            }
            let inner = value.as_object().into_iter().flat_map(|inner| inner.keys());
            let mut names: Vec<String> = inner.map(|key| format!("{name}.{key}")).collect();
            if names.is_empty() {
                names.push(name.clone());
            }
            for name in names {
                assert!(Variable::find(Subject::Process, &name).is_some(), "{name}");
            }
        }
    }
}
