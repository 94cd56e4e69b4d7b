//! Alerts of the real service at real receivers, which fail, delay and recover while the agent is killed: each
//! finding is told once that it began and once that it is over.
//!
//! `cargo xtask prove alerts` runs the long one: receivers dead for two minutes, aiosmtpd and Alertmanager.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use memwatch_tests::receivers::{Http, Smtp, Told, told_by_json, told_by_text};
use memwatch_tests::run::Run;
use memwatch_tests::{agent, require, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

const MINUTE: Duration = Duration::from_mins(1);
/// What no log may show.
const SECRET: &str = "sesame-open-0815";
/// Name of the programs that hold too much, as the kernel knows it.
const COMM: &str = "holds-too-much";
/// Holds 300 descriptors until it is told to let go.
const HOLDS: &str = "import sys\nopen('/proc/self/comm', 'w').write('holds-too-much')\n\
    held = [open('/dev/null') for _ in range(300)]\nprint('held', flush=True)\nsys.stdin.readline()\n\
    held.clear()\nprint('free', flush=True)\nsys.stdin.readline()\n";

/// A program with a finding about it; ends with it.
struct Holder {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Holder {
    fn start() -> Self {
        let mut child = Command::new("python3")
            .args(["-c", HOLDS])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut holder = Self { child, stdin, stdout: BufReader::new(stdout) };
        holder.hear("held");
        holder
    }

    fn hear(&mut self, word: &str) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), word);
    }

    fn let_go(&mut self) {
        writeln!(self.stdin).unwrap();
        self.hear("free");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running service, and the folder with all of its files; killed when dropped.
struct Service {
    dir: TempDir,
    child: Option<Child>,
    logs: Vec<PathBuf>,
}

impl Service {
    fn new(alerts: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let rule = format!(
            "[[rule]]\nname = \"too_many\"\nseverity = \"high\"\n\
             condition = \"comm == '{COMM}' && descriptors > 250\"\nfor = \"1s\"\n\
             resource = \"descriptors\"\n"
        );
        fs::write(dir.path().join("rules.toml"), rule).unwrap();
        let service = Self { dir, child: None, logs: Vec::new() };
        let alerts = alerts.replace("DIR", &service.path("").to_string_lossy());
        fs::write(service.path("alerts.toml"), alerts).unwrap();
        service
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&mut self) {
        let log = self.path(&format!("log-{}", self.logs.len()));
        let child = Command::new(agent::binary())
            .args(["--interval", "1s", "--rules"])
            .arg(self.path("rules.toml"))
            .args(["serve", "--listen", "127.0.0.1:0", "--comm", &format!("^{COMM}$"), "--socket"])
            .arg(self.path("socket"))
            .arg("--config")
            .arg(self.path("alerts.toml"))
            .arg("--state")
            .arg(self.path("state"))
            .stdin(Stdio::null())
            .stdout(File::create(self.path("stdout")).unwrap())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        self.child = Some(child);
        self.logs.push(log);
        wait_until(MINUTE, "the service", || {
            let said = fs::read_to_string(self.path("stdout")).unwrap();
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {}", self.log());
            said.contains("listening on").then_some(())
        });
    }

    fn log(&self) -> String {
        self.logs.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    /// kill -9.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only where it has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
        let status = wait_until(MINUTE, "its end", || child.try_wait().unwrap());
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Runs a command of a client.
    fn ask(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(agent::binary());
        command.args(arguments).arg("--socket").arg(self.path("socket"));
        agent::run_command(&mut command)
    }

    /// What the command of a channel was given. These tests kill the agent as soon as they see that, often before
    /// the agent has: then the same message comes again, which its id tells.
    fn commanded(&self) -> Told {
        let text = fs::read_to_string(self.path("commanded")).unwrap_or_default();
        let mut bodies: Vec<Value> = text.lines().flat_map(serde_json::from_str).collect();
        let mut seen = std::collections::BTreeSet::new();
        bodies.retain(|body| seen.insert(body["messageId"].to_string()));
        told_by_json(&bodies)
    }

    /// Writes the program of the command channel: it keeps what it is given, and as whom it runs.
    fn write_command(&self) {
        let dir = self.dir.path().display();
        let script = format!("#!/bin/sh\nid -un > {dir}/who\nexec cat >> {dir}/commanded\n");
        fs::write(self.path("tell"), script).unwrap();
        fs::set_permissions(self.path("tell"), PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["who", "commanded"] {
            fs::write(self.path(name), "").unwrap();
            fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o666)).unwrap();
        }
    }

    fn assert_no_secret(&self) {
        let log = self.log();
        assert!(!log.contains(SECRET), "{log}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The section [alerts] with a webhook, a Slack channel, a mailbox and a command.
fn alerts(http: &Http, mail: &str, more: &str) -> String {
    let gather = "group_window = \"200ms\"\ncool_down = \"1s\"\n";
    format!(
        "[[alerts.channels]]\nkind = \"slack\"\nurl = \"{slack}\"\n{gather}\
         [[alerts.channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{hook}\"\n\
         token = \"{SECRET}\"\n{gather}\
         [[alerts.channels]]\nkind = \"email\"\nurl = \"{mail}\"\nto = [\"ops@localhost\"]\n\
         from = \"agent@localhost\"\n{gather}\
         [[alerts.channels]]\nkind = \"command\"\ncommand = [\"DIR/tell\"]\n{gather}{more}",
        slack = http.url(&format!("/{SECRET}")),
        hook = http.url("/hook"),
    )
}

fn by_hook(http: &Http) -> Told {
    let posts = http.posts("/hook");
    told_by_json(posts.iter().map(|post| &post.body))
}

fn by_slack(http: &Http) -> Told {
    let posts = http.posts(&format!("/{SECRET}"));
    let texts = posts.iter().map(|post| post.body["text"].as_str().unwrap().to_owned());
    told_by_text(&texts.collect::<Vec<_>>())
}

/// The one finding that somebody was told of, once that it began.
fn opened(told: &Told) -> Option<String> {
    told.iter().find(|(_, counts)| counts.0 == 1).map(|(id, _)| id.clone())
}

#[test]
fn each_finding_arrives_once_and_its_end_once_whatever_fails_and_is_killed_between() {
    require!(root, "python3");
    let (http, smtp) = (Http::start(), Smtp::start());
    http.behave(503, Duration::ZERO);
    let mut service = Service::new(&alerts(&http, &smtp.url(), ""));
    service.write_command();
    let mut holder = Holder::start();
    service.start();
    let mailed = || told_by_text(&smtp.mails());
    let id = wait_until(MINUTE, "the mail", || opened(&mailed()));
    wait_until(MINUTE, "the command", || opened(&service.commanded()));
    wait_until(MINUTE, "attempts at HTTP", || (http.turned_away() >= 2).then_some(()));
    let silenced = service.ask(&["silence", &id[..6], "--for", "2h", "--reason", "we know"]);
    assert_eq!(silenced.status, Some(0), "{}", silenced.stderr);

    service.kill();
    http.behave(200, Duration::from_millis(500));
    service.start();
    for (told, what) in [(by_hook as fn(&Http) -> Told, "webhook"), (by_slack, "Slack")] {
        assert_eq!(wait_until(MINUTE, what, || opened(&told(&http))), id);
    }
    let listed = service.ask(&["silence"]);
    assert!(listed.stdout.contains("we know") && listed.stdout.contains(&id), "{listed:?}");
    let tested = service.ask_test("hook");
    assert!(tested.stdout.contains("hook: 200"), "{tested:?}");
    // This run has found it again, under another id, before it ends.
    wait_until(MINUTE, "the finding again", || {
        fs::read_to_string(service.path("stdout")).unwrap().contains("too_many").then_some(())
    });
    holder.let_go();
    let once = Told::from([(id, (1, 1))]);
    wait_until(MINUTE, "the ends", || {
        let all = [by_hook(&http), by_slack(&http), mailed(), service.commanded()];
        all.iter().all(|told| told.values().all(|counts| counts.1 > 0)).then_some(())
    });
    service.stop();
    let all = [by_hook(&http), by_slack(&http), mailed(), service.commanded()];
    assert_eq!(all, std::array::from_fn(|_| once.clone()), "{}", service.log());
    assert_eq!(fs::read_to_string(service.path("who")).unwrap().trim(), "nobody");
    let bearer = format!("Bearer {SECRET}");
    assert!(http.posts("/hook").iter().all(|post| post.head.contains(&bearer)));
    service.assert_no_secret();
}

impl Service {
    fn ask_test(&self, channel: &str) -> Run {
        let file = self.path("alerts.toml");
        agent::run([
            "alert".as_ref(),
            "test".as_ref(),
            channel.as_ref(),
            "--config".as_ref(),
            file.as_os_str(),
        ])
    }
}

/// A server of the proof; ends with it.
struct Server(Child);

impl Server {
    fn start(command: &mut Command, port: u16, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child =
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let server = Self(child.unwrap());
        wait_until(MINUTE, "a server", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok().map(drop)
        });
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only where it has ended.
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// aiosmtpd and Alertmanager, where this test keeps what they need.
struct Peers {
    dir: TempDir,
    smtp_port: u16,
    alertmanager_port: u16,
}

impl Peers {
    fn new(http: &Http) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "route:\n  receiver: test\n  group_by: [finding]\n  group_wait: 1s\n  group_interval: 1s\n\
             \x20 repeat_interval: 4h\nreceivers:\n- name: test\n  webhook_configs:\n\
             \x20 - url: {}\n    send_resolved: true\n",
            http.url("/alertmanager")
        );
        fs::write(dir.path().join("alertmanager.yml"), config).unwrap();
        Self { dir, smtp_port: free_port(), alertmanager_port: free_port() }
    }

    fn start(&self) -> [Server; 2] {
        let path = |name: &str| self.dir.path().join(name);
        // Debian's, which has the package.
        let mut smtp = Command::new("/usr/bin/python3");
        smtp.args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{}", self.smtp_port)])
            .args(["-c", "aiosmtpd.handlers.Mailbox"])
            .arg(path("mails"));
        let mut manager = Command::new("prometheus-alertmanager");
        manager
            .arg(format!("--config.file={}", path("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", path("alertmanager").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.alertmanager_port))
            .arg("--cluster.listen-address=");
        [
            Server::start(&mut smtp, self.smtp_port, &path("smtp.log")),
            Server::start(&mut manager, self.alertmanager_port, &path("alertmanager.log")),
        ]
    }

    fn mailed(&self) -> Told {
        let mails = fs::read_dir(self.dir.path().join("mails/new"));
        let texts = mails.into_iter().flatten().flatten();
        let texts = texts.map(|mail| fs::read_to_string(mail.path()).unwrap());
        told_by_text(&texts.collect::<Vec<_>>())
    }
}

/// The long proof: all receivers, and when they died.
struct Proof {
    http: Http,
    peers: Peers,
    servers: Option<[Server; 2]>,
    service: Service,
    dead: Instant,
}

impl Proof {
    fn begin() -> Self {
        let http = Http::start();
        let peers = Peers::new(&http);
        let servers = Some(peers.start());
        let more = format!(
            "[[alerts.channels]]\nkind = \"alertmanager\"\nurl = \"http://127.0.0.1:{}\"\n\
             resend = \"5s\"\ngroup_window = \"200ms\"\n",
            peers.alertmanager_port
        );
        let mail = format!("smtp://127.0.0.1:{}", peers.smtp_port);
        let mut service = Service::new(&alerts(&http, &mail, &more));
        service.write_command();
        service.start();
        Self { http, peers, servers, service, dead: Instant::now() }
    }

    /// What was told by each channel but the Alertmanager.
    fn told(&self) -> [(&'static str, Told); 4] {
        [
            ("webhook", by_hook(&self.http)),
            ("slack", by_slack(&self.http)),
            ("aiosmtpd", self.peers.mailed()),
            ("command", self.service.commanded()),
        ]
    }

    fn by_alertmanager(&self) -> Told {
        let posts = self.http.posts("/alertmanager");
        told_by_json(posts.iter().map(|post| &post.body))
    }

    fn say(&self, what: &str) {
        eprintln!("{:3} s: {what}", self.dead.elapsed().as_secs());
    }

    fn die(&mut self) {
        self.servers = None;
        self.http.die();
        self.dead = Instant::now();
        self.say("all receivers but the command are dead");
    }

    fn recover(&mut self) {
        sleep(Duration::from_mins(2).saturating_sub(self.dead.elapsed()));
        self.http.behave(500, Duration::ZERO);
        self.http.revive();
        self.servers = Some(self.peers.start());
        self.say(
            "receivers are back; HTTP answers 500 until it was asked, then takes 2 s for each",
        );
        wait_until(2 * MINUTE, "an attempt that HTTP turns away", || {
            (self.http.turned_away() > 0).then_some(())
        });
        self.http.behave(200, Duration::from_secs(2));
    }

    fn wait_for_ends(&self, ends: usize) {
        wait_until(MINUTE, "an end", || {
            let told = self.service.commanded();
            (told.values().filter(|counts| counts.1 > 0).count() == ends).then_some(())
        });
    }

    fn assert_once(&self, first: &str) {
        for (name, told) in self.told() {
            eprintln!("{name}: (began, over) of each finding: {told:?}");
            assert!(
                told.values().all(|counts| *counts == (1, 1)),
                "{name}: {}",
                self.service.log()
            );
            assert_eq!(told.len(), 3, "{name}");
        }
        let told = self.by_alertmanager();
        eprintln!("alertmanager, which is silent of what was over before it was told: {told:?}");
        assert!(told.values().all(|counts| *counts == (1, 1)), "{}", self.service.log());
        assert!(told.contains_key(first));
        eprintln!("HTTP turned away {} attempts", self.http.turned_away());
        self.service.assert_no_secret();
    }
}

#[test]
#[ignore = "takes four minutes: cargo xtask prove alerts"]
fn receivers_are_dead_for_two_minutes_and_the_agent_is_killed_meanwhile() {
    require!(root, "/usr/bin/python3", "prometheus-alertmanager");
    let mut proof = Proof::begin();
    let mut first = Holder::start();
    let id = wait_until(MINUTE, "the first finding", || opened(&proof.service.commanded()));
    wait_until(MINUTE, "the first finding everywhere", || {
        let all = proof.told().iter().all(|(_, told)| opened(told).is_some());
        (all && opened(&proof.by_alertmanager()).is_some()).then_some(())
    });
    eprintln!("finding {id} began, all five channels were told");
    proof.die();

    let (mut second, third) = (Holder::start(), Holder::start());
    wait_until(MINUTE, "two more", || (proof.service.commanded().len() == 3).then_some(()));
    sleep(Duration::from_secs(15));
    proof.service.kill();
    proof.say("two more began; the agent is killed with -9");
    drop(third);
    sleep(Duration::from_secs(15));
    proof.service.start();
    proof.wait_for_ends(1);
    // What ends before it is found again, while its process lives, is over after an hour only.
    wait_until(2 * MINUTE, "the first again", || {
        let said = fs::read_to_string(proof.service.path("stdout")).unwrap();
        said.contains(&format!("(pid {})", first.child.id())).then_some(())
    });
    proof.say("started again; the one that ended meanwhile is over, the others are found again");
    first.let_go();
    proof.wait_for_ends(2);
    proof.service.kill();
    proof.say("the first is over; killed with -9 again, and started again");
    proof.service.start();
    proof.recover();
    wait_until(2 * MINUTE, "the second again", || {
        let said = fs::read_to_string(proof.service.path("stdout")).unwrap();
        said.contains(&format!("(pid {})", second.child.id())).then_some(())
    });
    second.let_go();
    wait_until(4 * MINUTE, "everything", || {
        let is_whole =
            |told: &Told| told.len() == 3 && told.values().all(|it| it.0 > 0 && it.1 > 0);
        let all = proof.told().iter().all(|(_, told)| is_whole(told));
        (all && proof.by_alertmanager().values().all(|it| it.1 > 0)).then_some(())
    });
    // Whatever would come twice has time to.
    sleep(Duration::from_secs(12));
    proof.service.stop();
    proof.assert_once(&id);
}
