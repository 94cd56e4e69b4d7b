//! Amounts as a person reads them, and the verbs of what they are of.

/// An amount in `bytes`, `percent`, or `items` of which nothing is left over.
pub(crate) fn amount_text(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => byte_text(value),
        "percent" => format!("{value:.1} %"),
        _ if value.fract().abs() < 0.05 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

/// What a resource does: the heap grows, timers grow.
pub(crate) fn grows(resource: &str) -> &'static str {
    let is_one = !resource.ends_with('s') && !matches!(resource, "children" | CLOSE_WAIT);
    if is_one { "grows" } else { "grow" }
}

/// The one resource whose last word is not what it is.
const CLOSE_WAIT: &str = "sockets that the peer has closed";

/// Bytes in the largest binary unit that leaves a digit before the point.
pub(crate) fn byte_text(value: f64) -> String {
    let mut scaled = value;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if scaled.abs() < 1024.0 {
            let digits = usize::from(unit != "B");
            return format!("{scaled:.digits$} {unit}");
        }
        scaled /= 1024.0;
    }
    format!("{scaled:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Part;

    #[test]
    fn amounts_have_their_unit() {
        assert_eq!(amount_text(1536.0, "bytes"), "1.5 KiB");
        assert_eq!(amount_text(0.34, "percent"), "0.3 %");
        assert_eq!(amount_text(812.0, "items"), "812");
        assert_eq!(amount_text(2.5, "items"), "2.5");
    }

    #[test]
    fn every_resource_has_its_verb() {
        let many =
            crate::rule::Signal::ALL.map(|signal| (signal.resource(), grows(signal.resource())));
        let one: Vec<&str> = many.iter().filter(|it| it.1 == "grows").map(|it| it.0).collect();
        assert_eq!(one, ["heap", "resident memory", "shared memory", "swapped memory"]);
        let parts = Part::COMPONENT.into_iter().chain(Part::HOST);
        let many: Vec<Part> = parts.filter(|it| grows(it.resource()) != "grows").collect();
        assert!(many.is_empty(), "{many:?}");
    }
}
