//! Answers that may be large, on their way to callers: few are made at a time, one that was made of the
//! newest view is given to everybody who asks the same, and no more wait to be read than there is room
//! for. Who asks how often, and who reads how slowly, so costs neither memory nor much time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::{
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Api, Problem};
use crate::output::View;

/// Answers that are made at the same time.
const TURNS: usize = 2;
/// KiB of answers that may wait to be read, by callers of one door.
const ROOM_KIB: u32 = 32 << 10;
/// How long an answer waits for room, which callers make by reading theirs.
const ROOM_LIMIT: Duration = Duration::from_secs(1);
/// Bytes of answers that are kept while their view is the newest, and how many.
const KEPT_BYTES: usize = 8 << 20;
const KEPT: usize = 64;
/// What a question may be long to be kept.
const QUESTION: usize = 512;

/// What becomes of the answers of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is small, or has no end.
    #[default]
    Small,
    /// It may be large and is another each time.
    Never,
    /// It may be large and is the same as long as the view is, and nobody reports anything.
    WithView,
}

/// What answers at one kind of door have in common.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
    kept: Arc<Mutex<Kept>>,
}

/// What a route needs to send its answers.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) api: Api,
    pub(super) sending: Sending,
    pub(super) keep: Keep,
}

/// How often something was reported, or otherwise changed, by callers.
#[derive(Debug, Default)]
pub(super) struct Changes(AtomicU64);

/// Answers by what was asked, made of one view.
#[derive(Debug, Default)]
struct Kept {
    view: Weak<View>,
    changes: u64,
    answers: HashMap<String, Arc<OnceCell<Answer>>>,
}

/// An answer that went well.
#[derive(Clone, Debug)]
struct Answer {
    kind: Option<HeaderValue>,
    body: Bytes,
}

/// A body, which takes room until the last who sends it has done so.
struct Held {
    body: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Default for Sending {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(TURNS)),
            room: Arc::new(Semaphore::new(ROOM_KIB as usize)),
            kept: Arc::default(),
        }
    }
}

/// Counts what callers change.
pub(super) async fn count_changes(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let asks_only = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let response = next.run(request).await;
    if !asks_only {
        api.changes().0.fetch_add(1, Ordering::Relaxed);
    }
    response
}

/// Answers with what is kept, or has it made.
pub(super) async fn send(State(sent): State<Sent>, request: Request, next: Next) -> Response {
    let Sent { api, sending, keep } = sent;
    let place = match kept_as(keep, &request) {
        Some(question) => match api.seen().now().await {
            Ok(view) => sending.place(&view, api.changes().0.load(Ordering::Relaxed), question),
            Err(error) => return Problem::from(error).into_response(),
        },
        None => None,
    };
    let answer = match &place {
        Some(place) => {
            let made = place.get_or_try_init(|| sending.made(request, next)).await;
            made.cloned()
        }
        None => sending.made(request, next).await,
    };
    match answer {
        Ok(answer) => {
            let mut response = answer.body.into_response();
            if let Some(kind) = answer.kind {
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
            }
            response
        }
        Err(response) => *response,
    }
}

/// The question, where its answer is to be kept.
fn kept_as(keep: Keep, request: &Request) -> Option<String> {
    let question = request.uri().path_and_query()?.as_str();
    let is_kept = keep == Keep::WithView && *request.method() == Method::GET;
    (is_kept && question.len() <= QUESTION).then(|| question.to_owned())
}

impl Sending {
    /// Where the answer to a question is kept, or is to be; nowhere when there are too many.
    fn place(
        &self,
        view: &Arc<View>,
        changes: u64,
        question: String,
    ) -> Option<Arc<OnceCell<Answer>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let view = Arc::downgrade(view);
        if !kept.view.ptr_eq(&view) || kept.changes != changes {
            *kept = Kept { view, changes, ..Kept::default() };
        }
        if let Some(place) = kept.answers.get(&question) {
            return Some(Arc::clone(place));
        }
        let bytes =
            kept.answers.values().filter_map(|it| Some(it.get()?.body.len())).sum::<usize>();
        if kept.answers.len() >= KEPT || bytes >= KEPT_BYTES {
            return None;
        }
        let place = Arc::default();
        kept.answers.insert(question, Arc::clone(&place));
        Some(place)
    }

    /// Makes an answer when it is its turn; what went wrong is for who asked alone.
    async fn made(&self, request: Request, next: Next) -> Result<Answer, Box<Response>> {
        let busy = |_| Problem::unavailable("the agent is ending");
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(busy)?;
        let room = Arc::clone(&self.room);
        // Who goes away meanwhile does not make room for a turn that is not over.
        let making = tokio::spawn(async move {
            let _turn = turn;
            let response = next.run(request).await;
            if response.status() != StatusCode::OK {
                return Err(Box::new(response));
            }
            let kind = response.headers().get(header::CONTENT_TYPE).cloned();
            let body = response.into_body().collect().await;
            let body = body.map_err(|error| failed(&error))?.to_bytes();
            Ok(Answer { kind, body: held(body, room).await? })
        });
        making.await.unwrap_or_else(|error| Err(failed(&error).into()))
    }
}

/// The body, once there is room for it.
async fn held(body: Bytes, room: Arc<Semaphore>) -> Result<Bytes, Box<Response>> {
    let kib = u32::try_from(body.len() / 1024 + 1).unwrap_or(ROOM_KIB).min(ROOM_KIB);
    if let Ok(Ok(room)) = timeout(ROOM_LIMIT, room.acquire_many_owned(kib)).await {
        return Ok(Bytes::from_owner(Held { body, _room: room }));
    }
    let detail = "callers do not read what they asked for, and there is no room for more answers";
    let mut response = Problem::unavailable(detail).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    Err(Box::new(response))
}

/// What is a defect.
fn failed(error: &dyn std::fmt::Display) -> Problem {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let detail = format!("the answer could not be made: {error}");
    Problem::of(status, "internal", "Internal error", detail)
}

impl From<Problem> for Box<Response> {
    fn from(problem: Problem) -> Self {
        Self::new(problem.into_response())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use axum::{
        Router,
        body::Body,
        middleware::from_fn_with_state,
        routing::{get, post},
    };
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    use super::*;
    use crate::agent::Desk;

    fn api() -> Api {
        Api::new(Desk::of_nobody(), <_>::default(), None, <_>::default())
    }

    fn sent(keep: Keep) -> Sent {
        Sent { api: api(), sending: Sending::default(), keep }
    }

    /// A route that says how often it was asked, or fails, and one that changes something.
    fn router(sent: &Sent) -> Router {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = async move |request: Request| {
            let count = asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            match request.uri().query() {
                Some("fail") => Err(Problem::not_found("nothing")),
                _ => Ok(count.to_string()),
            }
        };
        Router::new()
            .route("/", get(count).route_layer(from_fn_with_state(sent.clone(), send)))
            .route("/change", post(async || "done"))
            .layer(from_fn_with_state(sent.api.clone(), count_changes))
    }

    async fn asked(router: &Router, method: Method, path: &str) -> (StatusCode, Bytes) {
        let mut request = Request::new(Body::empty());
        (*request.method_mut(), *request.uri_mut()) = (method, path.parse().unwrap());
        let response = TowerToHyperService::new(router.clone()).call(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }

    async fn got(router: &Router, path: &str) -> String {
        String::from_utf8(asked(router, Method::GET, path).await.1.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_same_is_answered_until_the_view_or_what_is_reported_changes() {
        let sent = sent(Keep::WithView);
        sent.api.seen().stays().await;
        let router = router(&sent);
        let many = futures_of(&router, "/?a", 20).await;
        assert!(many.iter().all(|it| it == "0"), "{many:?}");
        assert_eq!(got(&router, "/?b").await, "1", "another question");
        assert_eq!(asked(&router, Method::POST, "/change").await.0, StatusCode::OK);
        assert_eq!(got(&router, "/?a").await, "2", "something was reported");
        assert_eq!(got(&router, "/?a").await, "2");
        let newer = sent.sending.place(&Arc::default(), 1, "/?a".to_owned());
        assert!(newer.is_some_and(|it| it.get().is_none()), "a new view");
        let (status, _) = asked(&router, Method::GET, "/?fail").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (status, _) = asked(&router, Method::GET, "/?fail").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(got(&router, "/?c").await, "5", "what failed is not kept");
    }

    async fn futures_of(router: &Router, path: &str, count: usize) -> Vec<String> {
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..count {
            let (router, path) = (router.clone(), path.to_owned());
            all.spawn(async move { got(&router, &path).await });
        }
        all.join_all().await
    }

    #[tokio::test]
    async fn what_is_another_each_time_is_not_kept() {
        let router = router(&sent(Keep::Never));
        assert_eq!(
            (got(&router, "/").await.as_str(), got(&router, "/").await.as_str()),
            ("0", "1")
        );
    }

    #[tokio::test]
    async fn only_so_many_questions_are_kept() {
        let sending = Sending::default();
        let view = Arc::default();
        let place = |question: usize| sending.place(&view, 0, question.to_string());
        assert!((0..KEPT).all(|question| place(question).is_some()));
        assert!(place(KEPT).is_none(), "no room for another");
        assert!(place(0).is_some(), "it is there");
        let large = Answer { kind: None, body: vec![0; KEPT_BYTES].into() };
        let sending = Sending::default();
        let place = |question: &str| sending.place(&view, 0, question.to_owned());
        place("a").unwrap().set(large).unwrap();
        assert!(place("b").is_none());
    }

    #[tokio::test]
    async fn answers_that_nobody_reads_take_the_room_there_is_and_no_more() {
        let sent = sent(Keep::Never);
        let large = async || vec![b' '; 10 << 20];
        let send = from_fn_with_state(sent.clone(), send);
        let router = Router::new().route("/", get(large).route_layer(send));
        let ask = async || asked(&router, Method::GET, "/").await;
        let mut unread = Vec::new();
        for _ in 0..3 {
            unread.push(ask().await);
        }
        assert!(unread.iter().all(|it| it.0 == StatusCode::OK));
        assert_eq!(ask().await.0, StatusCode::SERVICE_UNAVAILABLE);
        unread.pop();
        assert_eq!(ask().await.0, StatusCode::OK);
    }
}
