//! The web page: files that are part of this program, so that it needs no other place and no network.
//! They are built from `monitor-userspace/web` by `cargo xtask web`, which also lists them.

use axum::{
    Router,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{self, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
    routing::get,
};

use super::Api;

/// A file of the page.
#[derive(Debug)]
struct File {
    path: &'static str,
    kind: &'static str,
    /// Its ETag.
    tag: &'static str,
    /// Whether its name changes with what is in it.
    is_hashed: bool,
    bytes: &'static [u8],
}

const FILES: &[File] = include!("../../web/dist/files.rs");

/// What the page may load and do: its own files, and calls to whoever served it.
const POLICY: &str = include_str!("../../web/csp.txt");

/// The one file that pages of others load.
const ELEMENT: &str = "/memwatch-health.js";

/// The page and its files.
pub(super) fn router() -> Router<Api> {
    FILES.iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(move |headers: HeaderMap| async move { sent(file, &headers) }))
    })
}

fn sent(file: &'static File, asked: &HeaderMap) -> Response {
    let is_known =
        asked.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).is_some_and(|tags| {
            tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == file.tag)
        });
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers(file)).into_response();
    }
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    ([kind], headers(file), file.bytes).into_response()
}

fn headers(file: &File) -> [(HeaderName, HeaderValue); 6] {
    // What has the hash of its content in its name never changes; all else is asked for again.
    let keep = if file.is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let whose = if file.path == ELEMENT { "cross-origin" } else { "same-origin" };
    [
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
        (header::ETAG, HeaderValue::from_static(file.tag)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY.trim_ascii_end())),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static(whose)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> &'static File {
        FILES.iter().find(|file| file.path == path).expect("a file of the page")
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[test]
    fn the_page_names_only_files_that_are_served() {
        let page = std::str::from_utf8(file("/").bytes).unwrap();
        let names: Vec<&str> = page.split('"').filter(|it| it.starts_with("./")).collect();
        assert!(names.len() >= 2, "{names:?}");
        for name in names {
            let file = file(&name[1..]);
            assert!(file.is_hashed, "{name} would be kept for good");
        }
    }

    #[test]
    fn the_policy_allows_no_inline_code_and_no_other_host() {
        let response = sent(file("/"), &HeaderMap::new());
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        let page = std::str::from_utf8(file("/").bytes).unwrap();
        assert!(!page.contains("<style") && !page.contains(" style="), "inline styles");
        assert!(page.matches("<script").count() == page.matches(" src=\"./").count());
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let page = file("/");
        let mut asked = HeaderMap::new();
        assert_eq!(sent(page, &asked).status(), StatusCode::OK);
        let tags = format!("\"other\", W/{}", page.tag);
        asked.insert(IF_NONE_MATCH, tags.parse().unwrap());
        let response = sent(page, &asked);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(header(&response, "etag"), page.tag);
        asked.insert(IF_NONE_MATCH, "\"other\"".parse().unwrap());
        assert_eq!(sent(page, &asked).status(), StatusCode::OK);
    }

    #[test]
    fn only_names_that_change_are_kept_for_good() {
        for file in FILES {
            let response = sent(file, &HeaderMap::new());
            let is_kept = header(&response, "cache-control").contains("immutable");
            assert_eq!(is_kept, file.path.starts_with("/assets/"), "{}", file.path);
            assert!(!file.bytes.is_empty(), "{}", file.path);
        }
    }

    #[test]
    fn pages_of_others_may_load_the_element_alone() {
        let others = |file| {
            header(&sent(file, &HeaderMap::new()), "cross-origin-resource-policy") == "cross-origin"
        };
        let open: Vec<&str> = FILES.iter().filter(|it| others(it)).map(|it| it.path).collect();
        assert_eq!(open, [ELEMENT]);
    }
}
