//! memwatch-ebpf as a library; the binary only wires it. Modules in the order in which data
//! passes them:
//!
//! - *ask* (reads the host): [`host`], the only reader of /proc and /sys
//! - *decide* (pure, no I/O, no clock, no threads): [`plan`], [`event`], [`inventory`],
//!   [`series`], [`detect`], [`rule`], [`engine`], [`output`]
//! - *do* (touches the kernel or a sink): [`kernel`], the only user of aya; [`sink`]; [`agent`],
//!   which wires the stages; [`history`], what is kept on disk; [`alert`], which tells others of findings; [`api`],
//!   which answers over HTTP; [`serve`], which wires the service; [`client`], which asks a running agent;
//!   [`config`], what is set where; [`setup`], which installs the service; [`command`], what the command line
//!   asks for
//!
//! The tree is checked by `tests/architecture.rs` of this crate.

pub mod agent;
pub mod alert;
pub mod api;
pub mod cli;
pub mod client;
pub mod command;
pub mod config;
pub mod detect;
pub mod engine;
pub mod event;
pub mod history;
pub mod host;
pub mod inventory;
pub mod kernel;
pub mod log;
pub mod output;
pub mod plan;
pub mod rule;
pub mod series;
pub mod serve;
pub mod setup;
pub mod sink;
