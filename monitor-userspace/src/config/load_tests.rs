use super::*;

fn sources(dir: &Path) -> Sources {
    Sources {
        place: Place::Directory(dir.to_owned()),
        environment: Vec::new(),
        options: Vec::new(),
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn origin(loaded: &Loaded, key: &str) -> String {
    loaded.layers.origin(&Key::new(key.split('.'))).to_string()
}

#[test]
fn without_any_file_there_are_defaults_and_the_profile() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = sources(&dir.path().join("nowhere")).load().unwrap();
    assert_eq!(loaded.config.serve.listen[0].to_string(), "127.0.0.1:9890");
    assert_eq!(origin(&loaded, "serve.listen"), "default");
    assert_eq!(loaded.config.thresholds.memory_critical.to_string(), "2G");
    assert_eq!(origin(&loaded, "thresholds.memory_critical"), "profile production");
}

#[test]
fn each_layer_lies_over_those_before_it_and_every_value_says_where_it_is_from() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(dir, "config.toml", "profile = \"development\"\n[serve]\ninterval = \"1m\"\n");
    let mut given = sources(dir);
    let seconds = |given: &Sources| {
        let loaded = given.load().unwrap();
        (loaded.config.serve.interval.0.as_secs(), origin(&loaded, "serve.interval"))
    };
    let file = |name: &str, line: u32| format!("{}:{line}", dir.join(name).display());
    assert_eq!(seconds(&given), (60, file("config.toml", 3)));
    write(dir, "conf.d/20.toml", "serve.interval = \"3s\"");
    write(dir, "conf.d/10.toml", "\nserve.interval = \"2s\"");
    write(dir, "conf.d/30.toml.bak", "no TOML");
    write(dir, "conf.d/.30.toml", "no TOML");
    assert_eq!(seconds(&given), (3, file("conf.d/20.toml", 1)));
    given.environment = vec![("MEMWATCH_SERVE_INTERVAL".into(), "4s".into())];
    assert_eq!(seconds(&given), (4, "$MEMWATCH_SERVE_INTERVAL".into()));
    given.options = vec![(Key::new(["serve", "interval"]), "5s".into(), "--interval")];
    assert_eq!(seconds(&given), (5, "--interval".into()));

    let thresholds = |given: &Sources| given.load().unwrap().config.thresholds.memory_warning.0;
    assert_eq!(thresholds(&given), 256 << 20);
    given.options.push((Key::new(["profile"]), "production".into(), "--profile"));
    assert_eq!(thresholds(&given), 1 << 30);
    write(dir, "conf.d/10.toml", "thresholds.memory_warning = \"5M\"");
    assert_eq!(thresholds(&given), 5 << 20);
}

#[test]
fn what_is_out_of_range_is_said_with_where_it_was_set() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text = "[serve]\ninterval = \"10ms\"\n[watch]\nmax_memory = 5\ncomm = \"(\"\n\
                rules = [\"mine.toml\"]\n[components.\"a.b\"]\nmemory_critical = \"2M\"\n";
    write(dir, "config.toml", text);
    let said = sources(dir).load().unwrap_err().to_string();
    let lines: Vec<&str> = said.lines().collect();
    let at = |line: u32, what: &str| {
        let start = format!("{}:{line}: {what}", dir.join("config.toml").display());
        assert!(lines.iter().any(|line| line.starts_with(&start)), "{start}\nin\n{said}");
    };
    at(2, "serve.interval is 10ms: from 1s to 1h it may be");
    at(4, "watch.max_memory is 5: 1M at least");
    at(5, "watch.comm is no regular expression");
    at(6, "watch.rules: mine.toml must be an absolute path");
    at(8, "components.\"a.b\".memory_critical is 2M: not less than memory_warning, 1G");
}

#[test]
fn a_file_that_was_named_must_be_there_and_all_faults_of_all_files_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(Some(&dir.path().join("c.toml")));
    let named = Sources { place, ..sources(dir.path()) };
    assert!(named.load().unwrap_err().to_string().contains("No such file"));
    assert!(named.load_with(Some("[serve]\ninterval = \"2s\"")).is_ok());
    write(dir.path(), "config.toml", "x = 1\ny = 2");
    write(dir.path(), "conf.d/a.toml", "z = 3");
    assert_eq!(sources(dir.path()).load().unwrap_err().0.len(), 3);
}

#[test]
fn every_value_can_be_shown_and_secrets_cannot() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "config.toml", "[components.\"a.b\"]\n");
    let loaded = sources(dir.path()).load().unwrap();
    let keys: Vec<String> = loaded.values().iter().map(|(key, ..)| key.to_string()).collect();
    for key in ["profile", "serve.listen", "watch.comm", "components.\"a.b\".memory_warning"] {
        assert!(keys.iter().any(|known| known == key), "{key} in {keys:?}");
    }
    let secret = Key::new(["alerts", "slack_webhook_url"]);
    assert_eq!(crate::config::shown(&secret, &"https://x/y".into()), "(set, not shown)");
    let name = Key::new(["api", "token_file"]);
    assert_eq!(crate::config::shown(&name, &"/x".into()), "\"/x\"");
}
