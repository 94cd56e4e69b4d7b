//! Rules and the life of their findings. Pure.
//!
//! A rule is data: a condition in CEL over documented variables, a severity, and how long the
//! condition must hold. Built-in rules stand in `builtin.toml`, in the form of a user's.
//! Growth is judged by the detector; its rules say what it is called and whether it is wanted.

mod condition;
mod custom;
mod drift;
mod fault;
mod file;
mod gate;
mod grower;
mod growth;
mod hash;
mod judge;
mod load;
mod members;
mod news;
mod part;
mod parts;
mod run;
mod runs;
mod service;
mod signal;
mod single;
mod subject;
mod table;
mod value;
mod variable;
mod watched;

pub use condition::Holds;
pub use custom::{Counters, is_bytes};
pub use drift::{Drift, Drifts};
pub use fault::{RuleFault, RuleFaults};
pub use file::Grade;
pub use gate::{Gate, Said, Told};
pub use grower::Grower;
pub use growth::{Change, Growths, Report, Sample};
pub(crate) use hash::fnv1a;
pub use judge::{Held, Quote, Verdict, Watched};
pub use load::{Origin, Rule, Rules};
use load::{Plan, Planned};
pub use members::{Grew, Member, Weighed, weigh};
pub use part::{Part, parts_of_cgroup, parts_of_host};
pub use parts::{Moved, Parts, PartsReport};
pub use run::{Came, Left, Run};
pub use runs::{Earlier, Services};
pub use service::{Known, Service};
pub use signal::{Cause, Quanta, Signal, Values};
pub use single::{Single, SingleReport};
pub use subject::{
    ComponentView, GaugeGrowths, GrowthFigures, HostView, Limits, Pressure, ProcessView, Subject,
    SystemTables, View,
};
pub use value::{Unit, Value};
pub use variable::{Documented, Variable, documented};
