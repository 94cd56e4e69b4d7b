//! Server-Sent Events: findings as they open, change and end, and the host at each interval. Who was away says
//! which event it saw last and is told what it missed, as far as that is kept.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use hyper::body::Frame;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc};

use super::{Api, Problem, Route, asked::Asked};
use crate::{
    agent::News,
    output::{Finding, HostSnapshot, Interval, Stats, Timestamp, monitoring::Whom},
};

/// Findings that are kept for who was away, and their bytes.
const KEPT: usize = 1000;
const KEPT_BYTES: usize = 4 << 20;
/// Events that a listener may be behind before it is cut off.
const BEHIND: usize = 256;
/// Time after which something is sent, so that a connection that is dead is noticed.
const ALIVE: Duration = Duration::from_secs(15);
/// How long a listener may take for one event.
const PATIENCE: Duration = Duration::from_secs(10);
/// Told to browsers: how long to wait before they come again, in milliseconds.
const RETRY_MS: u32 = 3000;

/// An event as it is sent.
#[derive(Clone, Debug)]
struct Said {
    id: u64,
    pid: Option<u32>,
    component: Option<String>,
    is_interval: bool,
    text: Bytes,
}

/// What was said, for who was away, and where it is heard.
#[derive(Debug)]
pub(super) struct Events {
    kept: Mutex<Kept>,
    heard: broadcast::Sender<Arc<Said>>,
}

#[derive(Debug)]
struct Kept {
    next_id: u64,
    /// The last that is not kept any more.
    forgotten: u64,
    findings: VecDeque<Arc<Said>>,
    bytes: usize,
    /// The last interval; older ones mean nothing.
    interval: Option<Arc<Said>>,
}

#[derive(Serialize)]
struct IntervalData<'a> {
    timestamp: Timestamp,
    host: Option<&'a HostSnapshot>,
    stats: &'a Stats,
}

impl Events {
    /// Numbers begin where no earlier run of the agent came to: at its start in milliseconds.
    pub(super) fn new(first_id: u64) -> Self {
        let kept = Kept {
            next_id: first_id,
            forgotten: first_id.saturating_sub(1),
            findings: VecDeque::new(),
            bytes: 0,
            interval: None,
        };
        Self { kept: Mutex::new(kept), heard: broadcast::channel(BEHIND).0 }
    }

    /// Takes what the engine says.
    pub(super) fn take(&self, news: &News) {
        match news {
            News::Finding(finding) => self.finding(finding),
            News::Interval(interval) => self.interval(interval),
            News::Final(_) | News::RuleError(_) => {}
        }
    }

    fn finding(&self, finding: &Finding) {
        let Ok(data) = serde_json::to_string(finding) else { return };
        let component = finding.component.clone();
        self.say("finding", &data, finding.pid, component, false);
    }

    fn interval(&self, interval: &Interval) {
        let data = IntervalData {
            timestamp: interval.ts,
            host: interval.host.as_ref(),
            stats: &interval.stats,
        };
        let Ok(data) = serde_json::to_string(&data) else { return };
        self.say("interval", &data, None, None, true);
    }

    fn say(
        &self,
        name: &str,
        data: &str,
        pid: Option<u32>,
        component: Option<String>,
        is_interval: bool,
    ) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let id = kept.next_id;
        kept.next_id += 1;
        // JSON has no line breaks of its own.
        let text = format!("id: {id}\nevent: {name}\ndata: {data}\n\n");
        let said = Arc::new(Said { id, pid, component, is_interval, text: text.into() });
        if is_interval {
            kept.interval = Some(Arc::clone(&said));
        } else {
            kept.bytes += said.text.len();
            kept.findings.push_back(Arc::clone(&said));
            while kept.findings.len() > KEPT || kept.bytes > KEPT_BYTES {
                let Some(oldest) = kept.findings.pop_front() else { break };
                kept.bytes -= oldest.text.len();
                kept.forgotten = oldest.id;
            }
        }
        // Still under the lock, so that who begins to listen hears each once.
        let _ = self.heard.send(said);
    }

    /// What was missed since an event, and all that comes.
    fn listen(
        &self,
        last: Option<u64>,
    ) -> (Vec<Bytes>, Vec<Arc<Said>>, broadcast::Receiver<Arc<Said>>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut first = vec![Bytes::from(format!("retry: {RETRY_MS}\n\n"))];
        let mut missed = Vec::new();
        if let Some(last) = last {
            if last < kept.forgotten {
                first.push(Bytes::from_static(b"event: missed\ndata: {}\n\n"));
            }
            missed.extend(kept.findings.iter().filter(|said| said.id > last).cloned());
        }
        let interval = kept.interval.iter().filter(|said| last.is_none_or(|last| said.id > last));
        missed.extend(interval.cloned());
        missed.sort_by_key(|said| said.id);
        (first, missed, self.heard.subscribe())
    }
}

/// Whose events, and since when.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Since {
    /// Only findings of this process.
    #[schemars(range(max = 4_294_967_295_u32))]
    pid: Option<u32>,
    /// Only findings of this component.
    #[schemars(length(max = 256))]
    component: Option<String>,
    /// The last event that was seen, where the header Last-Event-ID cannot be sent.
    #[serde(rename = "lastEventId")]
    last_event_id: Option<u64>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/monitoring/events", "Findings and the host as they come", events)
            .asks::<Since>()
            .gives_as::<str>(200, "text/event-stream", "The events, without end."),
    ]
}

async fn events(
    State(api): State<Api>,
    Asked(since): Asked<Since>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let slots = Arc::clone(api.streams());
    let Ok(slot) = slots.try_acquire_owned() else {
        return Err(Problem::unavailable("as many streams of events are open as may be"));
    };
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let whom = match (since.pid, since.component) {
        (Some(pid), _) => Whom::Process(pid),
        (None, Some(name)) => {
            let pids = api.reported().pids_of(&name);
            Whom::Component(name, pids)
        }
        (None, None) => Whom::Host,
    };
    let (to, from) = mpsc::channel(1);
    tokio::spawn(feed(api, whom, last.or(since.last_event_id), to, slot));
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::new(Stream(from))).into_response())
}

/// Sends until the listener is gone or too slow.
async fn feed(
    api: Api,
    whom: Whom,
    last: Option<u64>,
    to: mpsc::Sender<Bytes>,
    _slot: OwnedSemaphorePermit,
) {
    let (first, missed, mut heard) = api.events().listen(last);
    let is_of =
        |said: &Said| said.is_interval || whom.concerns(said.pid, said.component.as_deref());
    for text in first {
        if !sent(&to, text).await {
            return;
        }
    }
    for said in missed.into_iter().filter(|said| is_of(said)) {
        if !sent(&to, said.text.clone()).await {
            return;
        }
    }
    loop {
        let text = tokio::select! {
            // A listener that is too far behind comes again and says where it was.
            said = heard.recv() => match said {
                Ok(said) if is_of(&said) => said.text.clone(),
                Ok(_) => continue,
                Err(_) => return,
            },
            () = tokio::time::sleep(ALIVE) => Bytes::from_static(b": alive\n\n"),
            () = to.closed() => return,
        };
        if !sent(&to, text).await {
            return;
        }
    }
}

async fn sent(to: &mpsc::Sender<Bytes>, text: Bytes) -> bool {
    matches!(tokio::time::timeout(PATIENCE, to.send(text)).await, Ok(Ok(())))
}

/// A body that is written as it comes.
struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{FindingVerdict, Severity, answer::tests::finding};

    fn ids(missed: &[Arc<Said>]) -> Vec<u64> {
        missed.iter().map(|said| said.id).collect()
    }

    #[test]
    fn who_was_away_is_told_what_it_missed_once_and_in_order() {
        let events = Events::new(1000);
        let found = finding("aa", Severity::High, FindingVerdict::Leak);
        let (_, missed, mut heard) = events.listen(None);
        assert!(missed.is_empty());
        events.finding(&found);
        events.say("interval", "{}", None, None, true);
        events.finding(&found);
        events.say("interval", "{}", None, None, true);
        let (first, missed, _) = events.listen(Some(1000));
        assert_eq!((first.len(), ids(&missed)), (1, vec![1002, 1003]), "one interval is enough");
        let (_, missed, _) = events.listen(None);
        assert_eq!(ids(&missed), [1003], "who comes for the first time sees the host at once");
        assert_eq!(heard.try_recv().unwrap().id, 1000);
        let text = String::from_utf8(heard.try_recv().unwrap().text.to_vec()).unwrap();
        assert_eq!(text, "id: 1001\nevent: interval\ndata: {}\n\n");
    }

    #[test]
    fn what_is_not_kept_any_more_is_said_to_be_missed() {
        let events = Events::new(1);
        let found = finding("aa", Severity::High, FindingVerdict::Leak);
        (0..KEPT + 5).for_each(|_| events.finding(&found));
        let (first, missed, _) = events.listen(Some(5));
        assert_eq!((first.len(), missed.len()), (1, KEPT), "5 are gone, and it saw them");
        let (first, _, _) = events.listen(Some(4));
        assert_eq!(first.len(), 2);
        assert!(first[1].starts_with(b"event: missed"));
        let large = "x".repeat(KEPT_BYTES / 2);
        (0..4).for_each(|_| events.say("finding", &large, None, None, false));
        assert!(events.kept.lock().unwrap().bytes <= KEPT_BYTES);
    }
}
