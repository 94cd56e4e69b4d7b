//! The page that describes the file: its queries run, and its decoder is ours.

use super::*;

const PAGE: &str = include_str!("../../../../docs/history.md");

fn blocks(of: &str) -> impl Iterator<Item = &'static str> {
    let fence = format!("```{of}\n");
    PAGE.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect::<Vec<_>>()
        .into_iter()
}

#[test]
fn every_query_of_the_page_runs_and_finds_something() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&options(dir.path()), at(T0)).unwrap();
    store.findings([&finding("aa", T0)]).unwrap();
    watch(&mut store, T0 - 70 * MINUTE, 200, 12, |pid, look| u64::from(pid) * 1000 + look as u64);
    let mut queries = 0;
    for query in
        blocks("sql").flat_map(|block| block.split(";\n")).filter(|it| !it.trim().is_empty())
    {
        let mut select = store.db.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        let rows = select.query_map([], |_| Ok(())).unwrap().count();
        assert!(rows > 0, "{query}: nothing");
        queries += 1;
    }
    assert!(queries >= 5, "{queries} queries");
}

#[test]
fn every_table_and_view_is_on_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&options(dir.path()), at(T0)).unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'";
    let mut select = store.db.prepare(sql).unwrap();
    let names = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
    for name in names {
        let name = name.unwrap();
        assert!(PAGE.contains(&format!("`{name}`")), "{name} is not described");
    }
}
