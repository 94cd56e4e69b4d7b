//! A view as metrics. How many series there are is bounded: of processes the largest and those with open
//! findings, of components the largest, of findings the worst.

mod agent;
mod component;
mod finding;
mod host;
mod page;
mod process;
mod service;
#[cfg(test)]
mod tests;

pub use page::Format;
pub use service::{ReadConfiguration, Service, WrittenHistory};

use super::View;

/// Processes that are told beside those with findings, where nobody says.
pub const TOP: usize = 50;

/// The page of a view, with the `top` largest processes.
pub fn metrics(
    view: &View,
    service: &Service,
    version: &str,
    top: usize,
    format: Format,
) -> String {
    let mut page = page::Page::new(format);
    agent::write(&mut page, view, version);
    service::write(&mut page, service);
    host::write(&mut page, view);
    finding::write(&mut page, view);
    component::write(&mut page, view);
    process::write(&mut page, view, top);
    left_out(&mut page, view, top);
    page.end()
}

/// What the bounds left out, so that nobody takes a part for the whole.
fn left_out(page: &mut page::Page, view: &View, top: usize) {
    let living = view.processes.iter().filter(|it| !it.snapshot.is_final).count();
    let processes = living.saturating_sub(process::chosen(view, top).len());
    let components = view.components.len().saturating_sub(component::MOST);
    let findings = view.open_findings().len().saturating_sub(finding::MOST);
    let counts = [("processes", processes), ("components", components), ("findings", findings)];
    let counts = counts.map(|(what, count)| (what, count as f64));
    let help = "Subjects that have no series of their own.";
    host::labelled(page, "left_out", help, "what", &counts);
}
