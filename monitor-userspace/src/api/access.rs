//! Who may call, from where, for how long; and what every answer says to browsers.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Problem, Token};

/// Which door a call came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The unix socket: its mode says who may, and who may may all.
    Unix,
    /// An address that only this host reaches: whoever is on it may ask, who has the token may change.
    Loopback,
    /// Any other address: nothing without the token.
    Open,
}

/// What is checked of every call.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) door: Door,
    pub(super) token: Option<Token>,
    pub(super) limit: Duration,
}

/// Headers of every answer that does not bring its own.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Lets a call in, or not.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let allowed = guard.allows(request.method(), request.uri(), request.headers());
    let mut response = match allowed {
        Err(problem) => refuse(problem),
        Ok(()) => match tokio::time::timeout(guard.limit, next.run(request)).await {
            Ok(response) => response,
            Err(_late) => Problem::unavailable("the agent took too long to answer").into_response(),
        },
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn refuse(problem: Problem) -> Response {
    let is_unknown = problem.status == StatusCode::UNAUTHORIZED.as_u16();
    let mut response = problem.into_response();
    if is_unknown {
        let scheme = HeaderValue::from_static("Bearer realm=\"memwatch-ebpf\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

impl Guard {
    fn allows(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let asks_only = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        match self.door {
            Door::Unix => Ok(()),
            Door::Loopback => {
                check_host(uri, headers)?;
                if asks_only { Ok(()) } else { self.check_token(headers) }
            }
            Door::Open => self.check_token(headers),
        }
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.token else {
            let detail = "calls that change something need a token here, and the agent has none: use its unix \
                          socket, or start it with --token-file";
            return Err(Problem::of(StatusCode::FORBIDDEN, "forbidden", "Forbidden", detail));
        };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        if shown.is_some_and(|shown| token.is(shown)) {
            return Ok(());
        }
        let detail = "this needs the header `Authorization: Bearer TOKEN` with the agent's token";
        Err(Problem::of(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized", detail))
    }
}

/// A page of another site whose name was made to point here names that site: it must not read what only
/// this host may.
fn check_host(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let named = hosts.next().and_then(|value| value.to_str().ok());
    let is_one = named.is_some() && hosts.next().is_none();
    if !is_one {
        return Err(Problem::bad_request("a request needs one Host header"));
    }
    let of_uri = uri.authority().map(axum::http::uri::Authority::as_str);
    if named.into_iter().chain(of_uri).all(is_loopback_name) {
        return Ok(());
    }
    let status = StatusCode::MISDIRECTED_REQUEST;
    let detail = "ask for localhost or the address: this host is called otherwise here";
    Err(Problem::of(status, "misdirected", "Misdirected request", detail))
}

/// Whether HOST or HOST:PORT means the host itself.
fn is_loopback_name(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let is_loopback = |address: std::net::IpAddr| address.is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(door: Door, method: &Method, fields: &[(header::HeaderName, &str)]) -> u16 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "0123456789abcdef").unwrap();
        let token = Some(Token::of_file(&path).unwrap());
        let guard = Guard { door, token, limit: Duration::from_secs(1) };
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value.parse().unwrap());
        }
        let uri = "/x".parse().unwrap();
        guard.allows(method, &uri, &headers).map_or_else(|problem| problem.status, |()| 200)
    }

    #[test]
    fn who_asks_from_here_needs_nothing_who_changes_or_comes_from_elsewhere_the_token() {
        let local = (header::HOST, "127.0.0.1:9890");
        let wrong = (header::AUTHORIZATION, "Bearer 0123456789abcdeF");
        let right = (header::AUTHORIZATION, "bearer 0123456789abcdef");
        for (door, method, headers, status) in [
            (Door::Unix, Method::POST, vec![], 200),
            (Door::Loopback, Method::GET, vec![local.clone()], 200),
            (Door::Loopback, Method::POST, vec![local.clone()], 401),
            (Door::Loopback, Method::DELETE, vec![local.clone(), wrong.clone()], 401),
            (Door::Loopback, Method::POST, vec![local.clone(), right.clone()], 200),
            (Door::Open, Method::GET, vec![local.clone()], 401),
            (Door::Open, Method::GET, vec![(header::HOST, "box:9890"), wrong], 401),
            (Door::Open, Method::GET, vec![(header::HOST, "box:9890"), right], 200),
        ] {
            assert_eq!(allowed(door, &method, &headers), status, "{door:?} {method} {headers:?}");
        }
    }

    #[test]
    fn without_a_token_nothing_changes_over_tcp() {
        let guard = Guard { door: Door::Loopback, token: None, limit: Duration::from_secs(1) };
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
        let problem = guard.allows(&Method::POST, &"/x".parse().unwrap(), &headers).unwrap_err();
        assert_eq!(problem.status, 403);
        assert!(problem.detail.contains("--token-file"), "{}", problem.detail);
    }

    #[test]
    fn another_sites_name_that_points_here_is_refused() {
        for (host, status) in [
            ("localhost", 200),
            ("LOCALHOST:1", 200),
            ("127.0.0.1", 200),
            ("127.8.8.8:80", 200),
            ("[::1]:9890", 200),
            ("evil.example", 421),
            ("evil.example:9890", 421),
            ("127.0.0.1.evil.example", 421),
            ("10.0.0.1", 421),
            ("[::2]", 421),
            ("", 421),
        ] {
            let found = allowed(Door::Loopback, &Method::GET, &[(header::HOST, host)]);
            assert_eq!(found, status, "{host}");
        }
        assert_eq!(allowed(Door::Loopback, &Method::GET, &[]), 400);
        let twice = [(header::HOST, "localhost"), (header::HOST, "evil.example")];
        assert_eq!(allowed(Door::Loopback, &Method::GET, &twice), 400);
    }
}
