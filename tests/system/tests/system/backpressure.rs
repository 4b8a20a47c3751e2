//! Readers that do not read, and many streams at once: what is not read is not fetched, and nothing grows.

use std::time::Duration;

use atp_load::client::Target;
use atp_load::open::OpenStreams;
use atp_load::process;
use serde_json::json;
use tokio::task::LocalSet;

use super::fixture::{Mock, Node, Setup, until};

/// How long a reader stands still, in seconds.
const STALL_S: u32 = 60;

fn rss(node: &Node) -> u64 {
    process::usage(node.pid()).expect("the node runs").rss_bytes
}

/// Waits until what the upstream has handed out stays the same for a while; how much that is.
async fn standstill(mock: &Mock) -> u64 {
    let mut last = (0, 0);
    until("the upstream to stand still", async || {
        let sent = mock.stats().await.open_stream_bytes;
        last = if sent == last.0 {
            (sent, last.1 + 1)
        } else {
            (sent, 0)
        };
        (sent > 0 && last.1 == 50).then_some(sent)
    })
    .await
}

#[tokio::test]
async fn a_client_that_stops_reading_for_a_minute_stops_the_upstream() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock)
        .with("limits", json!({ "write_stall_ms": 600_000 }))
        .with("timeouts", json!({ "idle_ms": 600_000 }))
        .start()
        .await;
    let key = node.unlimited().await;
    let body = json!({
        "model": "mock", "stream": true, "max_tokens": 2_000_000,
        "messages": [{ "role": "user", "content": "[[upstream completion_tokens=2000000]]" }],
    });
    let idle = rss(&node);
    let mut stream = node.chat(&key, body).open().await;
    stream.read_until("\"@").await;
    let before = standstill(&mock).await;
    let stalled = rss(&node);
    // Sockets hold some megabytes; a token takes 200 bytes, so all of them would be 400.
    assert!(before < 64 << 20, "{before} bytes were taken from the upstream");
    assert!(stalled < idle + (32 << 20), "{idle} grew to {stalled}");
    for _ in 0..STALL_S {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(
            rss(&node) < stalled + (4 << 20),
            "{stalled} grew to {}",
            rss(&node)
        );
    }
    assert_eq!(standstill(&mock).await, before);
    // It goes on where it was.
    for _ in 0..1_000 {
        stream.next().await.expect("more of the stream");
    }
    drop(stream);
    node.settled("acme").await;
}

#[tokio::test]
async fn a_client_that_never_reads_again_is_let_go() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock)
        .with("limits", json!({ "write_stall_ms": 300 }))
        .start()
        .await;
    let key = node.unlimited().await;
    let body = json!({
        "model": "mock", "stream": true, "max_tokens": 2_000_000,
        "messages": [{ "role": "user", "content": "[[upstream completion_tokens=2000000]]" }],
    });
    let mut stream = node.chat(&key, body).open().await;
    stream.read_until("\"@").await;
    node.settled("acme").await;
    until("the upstream to be told", async || {
        (mock.stats().await.in_flight == 0).then_some(())
    })
    .await;
}

/// Descriptors of this process hold the client's end and the provider's, those of the node as many.
const STREAMS: u32 = 1_000;

/// Much above what a release build takes (40 KiB): debug builds have larger futures.
const KIB_PER_STREAM: u64 = 200;

#[tokio::test]
async fn a_thousand_open_streams_cost_little_each_and_end_without_a_trace() {
    let streams = std::env::vars()
        .find(|(name, _)| name == "ATP_SYSTEM_STREAMS")
        .map_or(STREAMS, |(_, count)| count.parse().expect("a number of streams"));
    let mock = Mock::start();
    let members = json!({
        "kind": "openai", "url": mock.url(), "models": ["mock"], "max_connections": streams,
    });
    let node = Setup::new().provider_with("up", members).start().await;
    let key = node.unlimited().await;
    let target = Target {
        key: Some(key),
        ..Target::at(&node.api)
    };
    let load = async {
        let before = rss(&node);
        let open = OpenStreams::open(&target, streams)
            .await
            .expect("descriptors for every stream");
        assert_eq!(open.report.open, u64::from(streams), "{:?}", open.report.errors);
        assert_eq!(mock.stats().await.open_streams, u64::from(streams));
        let each = (rss(&node).saturating_sub(before) >> 10) / u64::from(streams);
        eprintln!("{streams} open streams take {each} KiB each");
        assert!(each <= KIB_PER_STREAM, "{each} KiB per stream");
        drop(open);
    };
    LocalSet::new().run_until(load).await;
    node.settled("acme").await;
    until("the upstream to be rid of them", async || {
        (mock.stats().await.in_flight == 0).then_some(())
    })
    .await;
}
