use super::*;

const SECOND: u64 = 1_000_000_000;
const MIB: f64 = 1_048_576.0;

/// A look every 5 s at parts of the host that have these values in MiB.
fn watch(parts: &mut Parts, looks: std::ops::Range<u64>, of: impl Fn(u64) -> [f64; 8]) {
    for look in looks {
        let values = of(look).map(|mib| Some(mib * MIB));
        let _change = parts.observe(look * 5 * SECOND, &values, 0.0);
    }
}

#[test]
fn the_part_that_grows_fastest_gives_the_finding_its_name() {
    let mut parts = Parts::of_host(1 << 30);
    let of = |look: u64| {
        let at = look as f64;
        [300.0 + at, 50.0 + at / 8.0, 10.0, 20.0, 5.0, 0.0, 0.0, 40.0]
    };
    watch(&mut parts, 0..400, of);
    let report = parts.open().unwrap().clone();
    assert_eq!((report.rated, report.place()), (Part::Slab, Part::Slab));
    assert!((report.growth.rate_per_min / MIB - 12.0).abs() < 0.5, "{report:?}");
    let names: Vec<&str> = report.moved.iter().map(|moved| moved.part.name()).collect();
    assert_eq!(names, ["slab_unreclaimable", "page_table"]);
    let other = report.led_by(|moved| moved.part != Part::Slab).unwrap();
    assert_eq!(other.rated, Part::PageTables);
    assert!(report.led_by(|moved| moved.part == Part::PerCpu).is_none());
    watch(&mut parts, 400..900, |_| of(400));
    assert!(parts.open().is_none());
}

#[test]
fn what_is_little_beside_the_hosts_memory_is_no_growth() {
    let mut parts = Parts::of_host(64 << 30);
    watch(&mut parts, 0..100, |look| [300.0 + look as f64 / 4.0; 8]);
    assert!(parts.open().is_none(), "25 of at least 32 MiB");
}

#[test]
fn series_start_anew_unless_a_finding_is_open() {
    let mut parts = Parts::of_component("/a", 4096.0);
    let observe = |parts: &mut Parts, look: u64, held: f64| {
        let values = [Some(held * MIB), Some(held * MIB), Some(0.0), None, None];
        let _change = parts.observe(look * 5 * SECOND, &values, 0.0);
    };
    (0..20).for_each(|look| observe(&mut parts, look, 100.0 + look as f64));
    let before = parts.memory_bytes();
    parts.forget();
    assert!(parts.memory_bytes() < before);
    (20..300).for_each(|look| observe(&mut parts, look, 100.0 + look as f64));
    let report = parts.open().unwrap().clone();
    assert_eq!((report.rated, report.place()), (Part::Held, Part::Anon));
    let before = parts.memory_bytes();
    parts.forget();
    assert_eq!(parts.memory_bytes(), before);
}
