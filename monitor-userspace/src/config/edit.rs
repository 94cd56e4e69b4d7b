//! Changing the text of a file and nothing else of it: comments and order stay.

use toml_edit::{DocumentMut, Item, Table};

use super::{Fault, Key};

/// A file that sets nothing.
pub const EMPTY_FILE: &str = "\
# Configuration of memwatch-ebpf. Every key is optional: `memwatch-ebpf config` shows all of them,
# what they are and where they are from. A running agent takes changes over by itself.
";

/// The text with these keys set.
pub fn updated(text: &str, values: &[(Key, toml::Value)]) -> Result<String, Fault> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        Fault::new("the file", format!("this is no TOML: {}", error.message()))
    })?;
    if document.is_empty() && !text.trim().is_empty() {
        // Comments of a file that sets nothing would end up behind what is set.
        return Ok(format!("{}\n\n{}", text.trim_end(), updated("", values)?));
    }
    for (key, value) in values {
        let mut item: toml_edit::Value = value
            .to_string()
            .parse()
            .map_err(|error: toml_edit::TomlError| Fault::new(key, error.message().to_owned()))?;
        let Some((last, tables)) = key.0.split_last() else { continue };
        let mut at: &mut Item = document.as_item_mut();
        for name in tables {
            let table = at
                .as_table_like_mut()
                .ok_or_else(|| Fault::new(key, format!("{name} stands in no table")))?;
            if !table.contains_key(name) {
                let mut new = Table::new();
                // Only what has keys of its own has a line of its own.
                new.set_implicit(true);
                table.insert(name, Item::Table(new));
            }
            at = table.get_mut(name).ok_or_else(|| Fault::new(key, "no such table"))?;
        }
        let table = at
            .as_table_like_mut()
            .ok_or_else(|| Fault::new(key, "a value stands where a section should"))?;
        match table.get_mut(last) {
            Some(Item::Value(old)) => {
                *item.decor_mut() = old.decor().clone();
                *old = item;
            }
            _ => {
                table.insert(last, Item::Value(item));
            }
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_stays_as_it_is() {
        let text = "# mine\n[serve] # how\ninterval = \"5s\"   # often\n\n# whom\n[watch]\nfollow = true\n";
        let set = |key: &str, value: toml::Value| (Key::new(key.split('.')), value);
        let changed = updated(
            text,
            &[
                set("serve.interval", "1m".into()),
                set("watch.ebpf", false.into()),
                set("components.a b.memory_warning", "5M".into()),
                set("profile", "development".into()),
            ],
        )
        .unwrap();
        assert!(
            changed.contains("[serve] # how\ninterval = \"1m\"   # often\n\n# whom\n"),
            "{changed}"
        );
        assert!(changed.contains("follow = true\nebpf = false\n"), "{changed}");
        assert!(changed.contains("[components.\"a b\"]\nmemory_warning = \"5M\"\n"), "{changed}");
        assert!(!changed.contains("[components]\n"), "{changed}");
        let again: toml::Table = toml::from_str(&changed).unwrap();
        assert_eq!(again["profile"].as_str(), Some("development"));
        assert_eq!(again.len(), 4);
    }

    #[test]
    fn comments_of_an_empty_file_stay_in_front() {
        let key = Key::new(["profile"]);
        let changed = updated(EMPTY_FILE, &[(key, "development".into())]).unwrap();
        assert_eq!(changed, format!("{EMPTY_FILE}\nprofile = \"development\"\n"));
    }

    #[test]
    fn an_inline_table_is_a_table_too() {
        let key = Key::new(["serve", "interval"]);
        let changed = updated("serve = { interval = \"5s\" }\n", &[(key, "6s".into())]).unwrap();
        assert_eq!(changed, "serve = { interval = \"6s\" }\n");
        assert!(updated("serve = 5", &[(Key::new(["serve", "x"]), 1.into())]).is_err());
    }
}
