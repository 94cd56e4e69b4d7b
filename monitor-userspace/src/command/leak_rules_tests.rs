use super::*;

fn rules(text: &str) -> Rules {
    let file = RuleFile { name: "my.toml".to_owned(), text: text.to_owned() };
    Rules::load(&[file]).unwrap()
}

const OWN: &str = "[[rule]]\nname = \"mine\"\nseverity = \"high\"\nsubject = \"component\"\n\
                   condition = \"\"\"\ncustom.depth > 5\n&& memory_bytes > 1\"\"\"\nfor = \"90s\"\n\
                   [[rule]]\nname = \"heap_growth\"\nenabled = false\n";

#[test]
fn the_list_has_a_line_a_rule() {
    let text = list(&rules(OWN), false);
    let line = |name: &str| {
        let found = text.lines().find(|line| line.starts_with(name)).unwrap();
        found.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        line("mine"),
        "mine high component 90s on my.toml custom.depth > 5 && memory_bytes > 1"
    );
    assert_eq!(
        line("heap_growth"),
        "heap_growth computed process 0s off built-in, my.toml growth.heap.confidence >= 0.5"
    );
    assert_eq!(
        line("zombie_children"),
        "zombie_children medium process 1m on built-in zombies > 8"
    );
}

#[test]
fn as_json_nothing_is_left_out() {
    let text = list(&rules(OWN), true);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mine = lines.iter().find(|line| line["name"] == "mine").unwrap();
    assert_eq!((&mine["for_seconds"], &mine["file"]), (&json!(90), &json!("my.toml")));
    assert_eq!(mine["origin"], "file");
    let changed = lines.iter().find(|line| line["name"] == "heap_growth").unwrap();
    assert_eq!((&changed["origin"], &changed["enabled"]), (&json!("changed"), &json!(false)));
}

#[test]
fn every_variable_is_listed_with_its_unit() {
    let all = documented();
    let text = variables(&all, false);
    assert_eq!(text.lines().count(), all.len() + 1);
    let line = text.lines().find(|line| line.contains(" limit.descriptors ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["process", "limit.descriptors", "number", "count", "RLIMIT_NOFILE"]);
    let json = variables(&all, true);
    let comm = json.lines().find(|line| line.contains("\"name\":\"comm\"")).unwrap();
    let comm: serde_json::Value = serde_json::from_str(comm).unwrap();
    assert_eq!((&comm["type"], &comm["unit"]), (&json!("text"), &json!(null)));
}

#[test]
fn a_right_file_is_told_with_its_count() {
    assert_eq!(checked("my.toml", 1, false), "my.toml: 1 rule, nothing wrong\n");
    assert_eq!(checked("my.toml", 2, true), "{\"file\":\"my.toml\",\"rules\":2}\n");
}
