use std::{
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Instant,
};

use super::*;

/// A receiver that takes whatever comes.
struct Receiver(TcpListener);

impl Receiver {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn options(&self) -> Options {
        let text = format!(
            "log_level = \"off\"\n[[channels]]\nkind = \"webhook\"\ngroup_window = \"50ms\"\nurl = \"http://{}\"",
            self.0.local_addr().unwrap()
        );
        toml::from_str(&text).unwrap()
    }

    /// Waits for a message.
    fn message(&self) -> serde_json::Value {
        let deadline = Instant::now() + Duration::from_mins(1);
        let stream = loop {
            match self.0.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(Instant::now() < deadline, "no message came");
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}"),
            }
        };
        stream.set_nonblocking(false).unwrap();
        let mut stream = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        stream.get_mut().write_all(answer).unwrap();
        serde_json::from_slice(&body).unwrap()
    }
}

fn begin(alerts: &Alerts, id: &str, pid: u32) {
    let about = decide::tests::about(id, pid, crate::output::Severity::High);
    alerts.tell(Order::Heard(Box::new(about)));
}

fn ids(message: &serde_json::Value) -> Vec<String> {
    let alerts = message["alerts"].as_array().unwrap();
    alerts.iter().map(|alert| alert["finding"]["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn another_choice_of_channels_is_taken_over_and_a_wrong_one_changes_nothing() {
    let state = tempfile::tempdir().unwrap();
    let (before, after) = (Receiver::new(), Receiver::new());
    let (alerts, ends) = Alerts::start(&before.options(), state.path()).unwrap().unwrap();
    begin(&alerts, "one", 1);
    assert_eq!(ids(&before.message()), ["one"]);
    let wrong: Options = toml::from_str(
        "[[channels]]\nkind = \"command\"\ncommand = [\"/a\"]\nuser = \"no such user\"",
    )
    .unwrap();
    assert!(alerts.configure(&wrong).is_err());
    begin(&alerts, "two", 2);
    assert_eq!(ids(&before.message()), ["two"]);
    let mut options = after.options();
    options.channels[0].name = "other".to_owned();
    alerts.configure(&options).unwrap();
    begin(&alerts, "three", 3);
    assert!(ids(&after.message()).contains(&"three".to_owned()));
    drop(ends);
}
