//! As much HTTP as asking a server on this machine takes.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A port that nobody listens on; somebody else may take it before it is used.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr()?.port())
}

/// What is at HOST:PORT/PATH.
pub(crate) fn get(host: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(host).with_context(|| format!("connect to {host}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    // HTTP/1.0: the answer comes whole and ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("read http://{host}{path}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without a head")?;
    if head.split(' ').nth(1) != Some("200") {
        bail!("http://{host}{path}: {} {body}", head.lines().next().unwrap_or_default());
    }
    Ok(body.to_owned())
}

/// What a Prometheus at HOST:PORT answers to a query: its series.
pub(super) fn query(host: &str, expression: &str) -> Result<Vec<Value>> {
    let quoted: String = expression
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    let answer = get(host, &format!("/api/v1/query?query={quoted}"))
        .with_context(|| format!("query {expression}"))?;
    let answer: Value = serde_json::from_str(&answer).context("the answer of a query")?;
    Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
}
