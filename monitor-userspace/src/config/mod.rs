//! Configuration: what is set where, checked strictly, and the values with their units.
//!
//! Layers, the later over the earlier: built-in defaults, the profile, `config.toml`, the files of
//! `conf.d/` in the order of their names, the environment (`MEMWATCH_SECTION_KEY`), the command line.
//! Every value remembers which of them it is from. A part of the service defines its section as a
//! struct of its own, `#[serde(default, deny_unknown_fields)]`, and adds one line to [`Config`].

mod change;
mod check;
mod edit;
mod env;
mod fault;
mod file;
mod known;
mod layer;
mod load;
mod profile;
mod sections;
mod thresholds;
mod units;

pub use change::{Change, changes};
pub use edit::{EMPTY_FILE, updated};
pub use env::parse_value;
pub use fault::{Fault, Faults};
pub use layer::{Key, Layers, Leaf, Origin, is_secret, shown};
pub use load::{Loaded, Place, Sources};
pub use profile::Profile;
pub use sections::{Component, Config, LogLevel, SOCKET, Serve, Watch};
pub use thresholds::{Thresholds, rules_of_thresholds};
pub use units::{ByteSize, TimeSpan};
