//! Values given as text: in the environment, or as `KEY=VALUE`.

use serde::Deserialize as _;
use serde_json::Value;

use super::{Config, Fault, Key, Leaf, Origin, file::meant, known, layer::put};

/// What the variables of the environment begin with that are ours.
const PREFIX: &str = "MEMWATCH_";

/// The values that the environment sets.
pub(super) fn read(variables: &[(String, String)]) -> Result<Vec<(Key, Leaf)>, Vec<Fault>> {
    let document = known::as_json(&Config::default());
    let leaves = known::leaves(&document);
    let names: Vec<(String, &Key)> = leaves.keys().map(|key| (name_of(key), key)).collect();
    let mut values = Vec::new();
    let mut faults = Vec::new();
    for (name, text) in variables {
        if let Some((_, key)) = names.iter().find(|(known, _)| known == name) {
            match parse_value(key, text) {
                Ok(value) => {
                    let origin = Origin::Environment(name.clone());
                    values.push(((*key).clone(), Leaf { value, origin }));
                }
                Err(message) => faults.push(Fault::new(format!("${name}"), message)),
            }
        } else if is_in_a_section(name, &document) {
            let near = known::nearest(name, names.iter().map(|(known, _)| known.as_str()));
            let hint = near.map(|near| format!(": did you mean {near}?")).unwrap_or_default();
            let message = format!("no key is set by this variable{hint}");
            faults.push(Fault::new(format!("${name}"), message));
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

fn name_of(key: &Key) -> String {
    let upper: Vec<String> = key.0.iter().map(|name| name.to_ascii_uppercase()).collect();
    format!("{PREFIX}{}", upper.join("_"))
}

/// Whether the name begins like that of a key. Others are somebody else's (MEMWATCH_TOKEN).
fn is_in_a_section(name: &str, document: &Value) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let sections = document.as_object().into_iter().flatten();
    sections
        .filter(|(_, value)| value.is_object())
        .any(|(section, _)| rest.starts_with(&format!("{}_", section.to_ascii_uppercase())))
}

/// What a text means as the value of this key: a string where it takes one, else as in TOML, else
/// a list of strings with commas between them.
///
/// # Errors
/// Why it is none.
pub fn parse_value(key: &Key, text: &str) -> Result<toml::Value, String> {
    let document = known::as_json(&Config::default());
    if let known::Place::Unknown = known::place(&document, key) {
        let parent = Key(key.0.split_last().map_or(Vec::new(), |(_, parent)| parent.to_vec()));
        let siblings = match known::place(&document, &parent) {
            known::Place::Table(names) => names,
            known::Place::Open | known::Place::Unknown => Vec::new(),
        };
        let last = key.0.last().map_or("", String::as_str);
        return Err(known::unknown(last, &siblings, &document));
    }
    let plain = toml::Value::from(text);
    let written = text.parse::<toml::Value>().ok();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let list = toml::Value::Array(parts.map(toml::Value::from).collect());
    let is_list = known::leaves(&document).get(key).is_some_and(Value::is_array);
    let mut reason = None;
    for value in [Some(plain), written, is_list.then_some(list)].into_iter().flatten() {
        let mut root = toml::Table::new();
        put(&mut root, &key.0, value.clone());
        match Config::deserialize(root) {
            Ok(_) => return Ok(value),
            Err(error) => reason = Some(meant(error.message())),
        }
    }
    let reason = reason.unwrap_or_default();
    Err(format!("{key} cannot be {text:?}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn texts_become_values_of_the_type_of_their_key() {
        let parse = |key: &str, text: &str| parse_value(&Key::new(key.split('.')), text);
        assert_eq!(parse("serve.interval", "5").unwrap().as_str(), Some("5"));
        assert_eq!(parse("watch.follow", "true").unwrap().as_bool(), Some(true));
        assert_eq!(parse("watch.rules", "/a, /b").unwrap().as_array().unwrap().len(), 2);
        assert_eq!(parse("watch.rules", "[\"/a\"]").unwrap().as_array().unwrap().len(), 1);
        assert_eq!(parse("watch.comm", "5").unwrap().as_str(), Some("5"));
        assert_eq!(parse("thresholds.cpu_warning_percent", "70.5").unwrap().as_float(), Some(70.5));
        assert!(parse("components.x.memory_warning", "5M").is_ok());
        let wrong = parse("watch.stacks", "some").unwrap_err();
        assert!(wrong.contains("watch.stacks") && wrong.contains("memory"), "{wrong}");
        let wrong = parse("watch.stack", "all").unwrap_err();
        assert!(wrong.contains("did you mean \"stacks\""), "{wrong}");
    }

    #[test]
    fn variables_set_keys_and_those_of_others_are_left_alone() {
        let given = [("MEMWATCH_SERVE_INTERVAL", "5s"), ("MEMWATCH_TOKEN", "t"), ("HOME", "/")];
        let read_all = read(&variables(&given)).unwrap();
        assert_eq!(read_all.len(), 1);
        assert_eq!(read_all[0].1.origin.to_string(), "$MEMWATCH_SERVE_INTERVAL");
        let faults = read(&variables(&[("MEMWATCH_WATCH_STACK", "all")])).unwrap_err();
        assert_eq!(
            faults[0].to_string(),
            "$MEMWATCH_WATCH_STACK: no key is set by this variable: did you mean MEMWATCH_WATCH_STACKS?"
        );
    }
}
