use serde_json::json;

use super::*;
use crate::client::fake;

const PLAIN: Paint = Paint { has_colour: false };

/// What a wish prints, asked of an agent that says this at its path.
fn printed(wish: Wish, routes: &'static [(&'static str, &'static str)]) -> String {
    let agent = fake::Agent::of(routes);
    said(wish, &Client::new(agent.address(), None), false, PLAIN).unwrap().text
}

#[test]
fn status_says_how_much_is_watched_and_whether_anything_was_lost() {
    let text = printed(
        Wish::Status,
        &[(
            "/api/monitoring/agent",
            r#"{"version":"0.1.0","uptime":7300,"processes":143,"openFindings":2,"complete":false,
                "stats":{"events_seen":812,"events_lost":3,"agent_rss_anon_bytes":4194304,
                         "agent_kernel_bytes":null,"agent_cpu_percent":0.42},
                "history":{"path":"/h","problem":"disk full","setAside":null},
                "alerts":{"problem":"full"},
                "configuration":{"problem":"a.toml:1: no \u001bkey"}}"#,
        )],
    );
    assert_eq!(
        text,
        "memwatch-ebpf 0.1.0: 143 processes, watched for 2 h\n\
         2 open findings: memwatch-ebpf leaks\n\
         812 events taken, 3 events were lost\n\
         it takes 4.0 MiB of memory, - in the kernel, 0.4 % of a core\n\
         the history is not written: disk full\n\
         alerts are not kept over a restart: full\n\
         the configuration on disk is wrong and does not count: a.toml:1: no \\u{1b}key\n"
    );
}

#[test]
fn status_says_what_is_wrong_with_the_history() {
    let said = |history: &str| {
        let answer = format!(r#"{{"version":"0.1.0","history":{history}}}"#);
        let text = status::status(&serde_json::from_str(&answer).unwrap(), Paint::default());
        text.lines().skip(4).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(said("null").is_empty());
    let well = said(r#"{"path":"/s/h.db","problem":null,"setAside":null,"bytes":4194304}"#);
    assert_eq!(well, ["history: /s/h.db, 4.0 MiB"]);
    let ill = said(
        r#"{"path":"/s/h.db","problem":"/s/h.db: no space","setAside":"/s/h.db.damaged-1","lostLooks":3}"#,
    );
    assert_eq!(
        ill,
        [
            "the history is not written: /s/h.db: no space; lost so far: 3 looks, 0 findings",
            "a damaged history was replaced; it is now /s/h.db.damaged-1"
        ]
    );
}

const HEALTHY: &str = r#"{"status":"healthy","timestamp":"x","uptime":60,
    "components":{"memory":"healthy","cpu":{"status":"warning"},"eventLoop":null,"resources":"healthy","history":null},
    "memory":{"heapUsed":1073741824,"heapTotal":4294967296,"health":"healthy"},"recommendations":[]}"#;
const CRITICAL: &str = r#"{"status":"critical","uptime":60,"components":{"memory":"critical"},
    "memory":{"heapUsed":4,"heapTotal":4},"recommendations":["restart a|b \u001b[2J now"]}"#;
const AGENT: &str = r#"{"openFindings":1,"processes":9}"#;

#[test]
fn health_says_each_part_and_what_to_do() {
    assert_eq!(
        printed(Wish::Health { plugin: false }, &[("/api/monitoring/health", HEALTHY)]),
        "healthy, watched for 60 s\n  cpu         warning\n  event loop  unknown\n  \
         memory      healthy (1.0 GiB of 4.0 GiB, 25 %)\n  resources   healthy\n"
    );
    let text = printed(Wish::Health { plugin: false }, &[("/api/monitoring/health", CRITICAL)]);
    assert!(text.starts_with("critical, "), "{text}");
    assert!(text.ends_with("what to do\n  restart a|b \\u{1b}[2J now\n"), "{text}");
}

/// What the plugin says of an agent with this health.
fn plugin(health: &'static str) -> Said {
    let agent = fake::Agent::start(move |request| {
        let is_health = request.contains("/api/monitoring/health");
        fake::Reply::json(200, if is_health { health } else { AGENT })
    });
    health::plugin(health::asked(&Client::new(agent.address(), None)))
}

#[test]
fn a_plugin_prints_one_line_and_exits_as_plugins_do() {
    assert_eq!(
        plugin(HEALTHY),
        Said {
            text: "MEMWATCH OK - 1 open finding, memory 1.0 GiB of 4.0 GiB, 25 % | \
                   memory=1073741824B;;;0;4294967296 open_findings=1;;;0 processes=9;;;0 \
                   uptime=60s;;;0\n"
                .to_owned(),
            status: 0,
        }
    );
    let critical = plugin(CRITICAL);
    assert_eq!(critical.status, 2);
    assert!(critical.text.starts_with("MEMWATCH CRITICAL - 1 open finding"), "{}", critical.text);
    assert_eq!(critical.text.matches('|').count(), 1, "one bar: {}", critical.text);
    assert!(critical.text.contains("restart a/b \\u{1b}[2J now | memory="), "{}", critical.text);
    assert_eq!(plugin(r#"{"status":"warning"}"#).status, 1);
    let unknown = plugin(r#"{"status":null}"#);
    assert_eq!((unknown.status, unknown.text.starts_with("MEMWATCH UNKNOWN - ")), (3, true));
    let nobody = Client::new(Address::Socket("/nowhere".into()), None);
    assert_eq!(
        health::plugin(health::asked(&nobody)),
        Said { text: "MEMWATCH UNKNOWN - no agent answers at /nowhere\n".to_owned(), status: 3 }
    );
}

#[test]
fn metrics_leave_out_what_is_unknown() {
    let asked = fake::Agent::start(|request| {
        assert!(request.starts_with("GET /api/monitoring/metrics?period=120 "), "{request}");
        let stats = json!({"averageMemory": 4123.44, "peakMemory": 4200.0, "averageCpu": 12.5,
            "peakCpu": 80, "averageEventLoopLag": null, "responseTime": {"p50": 3.25}});
        fake::Reply::json(200, json!({"period": 120, "stats": stats}).to_string())
    });
    let client = Client::new(asked.address(), None);
    let text = said(Wish::Metrics(Period(120)), &client, false, PLAIN).unwrap().text;
    let wanted = "\
the last 120 min                 AVERAGE        PEAK
memory                         4123.4 MB   4200.0 MB
CPU                               12.5 %      80.0 %
lag of the event loop                  -           -
garbage collections an hour            -
response time                     3.2 ms (95 %: -, 99 %: -)
";
    assert_eq!(text, wanted);
}

#[test]
fn a_period_is_minutes_or_has_its_unit() {
    let read = |text: &str| text.parse::<Period>().ok().map(|it| it.0);
    assert_eq!(["60", "30m", "2h", "1d"].map(read), [Some(60), Some(30), Some(120), Some(1440)]);
    assert_eq!(["0", "", "3 weeks", "-1", "5s"].map(read), [None; 5]);
}

#[test]
fn performance_is_the_short_part_of_the_report() {
    let text = printed(
        Wish::Performance,
        &[(
            "/api/monitoring/answers/report",
            r#"{"performance":{"summary":{"trackingDuration":1.5,"totalMetrics":900,
                "healthStatus":"warning","alerts":1},"trends":{"memoryTrend":"increasing",
                "memoryRate":4.04,"cpuTrend":"stable","cpuRate":0.1,"performanceTrend":null},
                "recommendations":["give api more"]}}"#,
        )],
    );
    let wanted = "\
warning: 1.50 h watched, 900 looks, 1 alert
  memory          increasing by 4.0 MB/min
  CPU             stable
  response times  unknown

what to do
  give api more
";
    assert_eq!(text, wanted);
}

#[test]
fn a_leak_check_says_what_was_found_and_done() {
    let text = printed(
        Wish::LeakCheck,
        &[(
            "/api/monitoring/leak-check",
            r#"{"isLeakDetected":true,"leakRate":5.0,"confidence":0.97,"violationsFound":1,
                "actionsPerformed":[],"findings":[{"severity":"high","rule":"heap_growth","pid":7,
                "comm":"a\u001b[31mpi","resource":"heap","rate_per_min":5242880,
                "rate_unit":"bytes","confidence":0.97,"id":"0a"}]}"#,
        )],
    );
    assert_eq!(
        text,
        "it leaks, 5.0 MB/min, a leak at 97 %; 1 finding is open, 0 actions were taken\n  \
         [high] heap_growth a\\u{1b}[31mpi (pid 7): heap by 5.0 MiB/min, a leak at 97 %  0a\n"
    );
    let text = printed(
        Wish::LeakCheck,
        &[(
            "/api/monitoring/leak-check",
            r#"{"isLeakDetected":false,"violationsFound":0,"actionsPerformed":0}"#,
        )],
    );
    assert_eq!(text, "no leak; 0 findings are open, 0 actions were taken\n");
}

#[test]
fn rules_have_their_conditions() {
    let text = printed(
        Wish::Rules,
        &[(
            "/api/monitoring/rules",
            r#"{"rules":[{"name":"fd_limit","description":"Near the limit.",
                "condition":"descriptors > 9","holdSeconds":30}]}"#,
        )],
    );
    assert_eq!(text, "fd_limit: Near the limit.\n    descriptors > 9, for 30 s\n1 rule is on\n");
}

#[test]
fn what_was_done_is_said_field_by_field() {
    const ANSWER: &str = r#"{"cleaned":false,"timestamp":"x","bytesFreed":0,
                     "actions":[{"what":"drop caches","dryRun":true}],"why":[]}"#;
    for (wish, name) in [
        (Wish::Cleanup, "clean-up"),
        (Wish::Gc, "collection"),
        (Wish::ForceCleanup, "forced clean-up"),
    ] {
        let agent = fake::Agent::start(|_| fake::Reply::json(200, ANSWER));
        let said = said(wish, &Client::new(agent.address(), None), false, PLAIN).unwrap();
        let text = format!(
            "{name}: nothing was cleaned\n  actions:\n    dry run: true\n    \
             what: drop caches\n  bytes freed: 0\n"
        );
        assert_eq!(said, Said { text, status: 0 });
    }
    let routes = &[(
        "/api/monitoring/cleanup",
        r#"{"cleaned":null,"actions":[],"bytesFreed":null,"available":false,"detail":"only observes"}"#,
    )];
    let agent = fake::Agent::of(routes);
    let said = said(Wish::Cleanup, &Client::new(agent.address(), None), false, PLAIN).unwrap();
    let text = "clean-up: not there yet\n  detail: only observes\n".to_owned();
    assert_eq!(said, Said { text, status: 1 });
}

#[test]
fn an_agent_that_does_not_know_says_so_and_json_is_null() {
    for wish in [
        Wish::Health { plugin: false },
        Wish::Metrics(Period(60)),
        Wish::LeakCheck,
        Wish::Cleanup,
        Wish::Gc,
        Wish::ForceCleanup,
        Wish::Rules,
    ] {
        let agent = fake::Agent::of(&[]);
        let client = Client::new(agent.address(), None);
        let error = said(wish, &client, false, PLAIN).unwrap_err();
        let line = error.to_string();
        assert!(line.starts_with("this agent does not know /api/monitoring/"), "{line}");
        let said = unknown(error, true).unwrap();
        assert_eq!(said, Said { text: "null\n".to_owned(), status: 1 });
    }
}

#[test]
fn json_is_the_agents_own() {
    let agent = fake::Agent::of(&[("/api/monitoring/health", HEALTHY)]);
    let client = Client::new(agent.address(), None);
    let said = said(Wish::Health { plugin: false }, &client, true, PLAIN).unwrap();
    let printed: Value = serde_json::from_str(&said.text).unwrap();
    assert_eq!(printed, serde_json::from_str::<Value>(HEALTHY).unwrap());
    assert_eq!(said.text.matches('\n').count(), 1);
}

#[test]
fn without_an_agent_one_line_says_what_to_do() {
    let client = Client::new(Address::Socket("/nowhere".into()), None);
    let line = |wish| said(wish, &client, false, PLAIN).unwrap_err().to_string();
    assert_eq!(
        line(Wish::Status),
        "no agent answers at /nowhere: start one with `memwatch-ebpf serve`, or look without one: \
         memwatch-ebpf --all"
    );
    assert_eq!(
        line(Wish::LeakCheck),
        "no agent answers at /nowhere: start one with `memwatch-ebpf serve`, or look yourself: \
         memwatch-ebpf leak-check --all"
    );
}

#[test]
fn a_token_comes_from_its_file_and_a_bad_address_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    fs::write(&path, "secret\n").unwrap();
    let agent = fake::Agent::start(|request| {
        let has = request.to_lowercase().contains("authorization: bearer secret\r\n");
        fake::Reply::json(if has { 200 } else { 401 }, "{}")
    });
    let reach = Reach { host: Some(agent.url()), token_file: Some(path), ..Reach::default() };
    assert!(reach.client().unwrap().get("/").is_ok());
    let reach = Reach { token_file: Some("/nowhere".into()), ..Reach::default() };
    assert!(reach.client().unwrap_err().to_string().contains("read the token in /nowhere"));
    assert!(Reach { host: Some("https://x".into()), ..Reach::default() }.client().is_err());
}
