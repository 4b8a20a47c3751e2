//! Calls that do not, and bounds.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn nothing_after_the_last_chunk_is_passed_on() {
    let pieces = [HEL, STOP, &format!("{DONE}{HEL}"), HEL];
    let upstream = Upstream::start([Script::stream(&pieces), Script::stream(&pieces)]).await;
    let adapter = adapter(&upstream, |_| {});
    let outcome = run(&adapter, forward(ASK_STREAM)).await;
    assert_eq!(outcome.bytes, [HEL, STOP, DONE].concat().as_bytes());
    assert_eq!(run(&adapter, read(true)).await.text, "Hel");
    assert_eq!(
        upstream.seen().connections,
        1,
        "read to its end, the connection is kept"
    );
}

#[tokio::test]
async fn a_stream_may_end_with_its_finish_reason_but_not_before() {
    let scripts = [
        Script::stream(&[HEL, STOP]),
        Script::stream(&[HEL, STOP]),
        Script::stream(&[HEL]),
        Script::stream(&[HEL]),
        Script::stream(&[HEL, &LO[..20]]).cut(),
    ];
    let upstream = Upstream::start(scripts).await;
    let adapter = adapter(&upstream, |_| {});
    assert_eq!(run(&adapter, forward(ASK_STREAM)).await.done().usage, None);
    assert_eq!(
        run(&adapter, read(true)).await.done().finish_reason.as_deref(),
        Some("stop")
    );
    for call in [forward(ASK_STREAM), read(true)] {
        assert_eq!(run(&adapter, call).await.fault().code, Code::Adapter);
    }
    let outcome = run(&adapter, forward(ASK_STREAM)).await;
    assert_eq!(outcome.bytes, HEL.as_bytes(), "only whole events leave");
    assert_eq!(outcome.fault().code, Code::Adapter);
}

#[tokio::test]
async fn an_error_inside_a_stream_ends_it_and_is_not_forwarded() {
    let error = "data: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\"}}\n\n";
    let scripts = [Script::stream(&[HEL, error]), Script::stream(&[HEL, error])];
    let upstream = Upstream::start(scripts).await;
    let adapter = adapter(&upstream, |_| {});
    let outcome = run(&adapter, forward(ASK_STREAM)).await;
    assert_eq!(outcome.bytes, HEL.as_bytes());
    let fault = outcome.fault();
    assert_eq!(fault.code, Code::Adapter);
    assert!(fault.detail.contains("The server had an error"), "{fault}");
    assert_eq!(run(&adapter, read(true)).await.fault().code, Code::Adapter);
}

#[tokio::test]
async fn refusals_become_faults() {
    let limited = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let upstream = Upstream::start([
        Script::raw(limited),
        Script::json("500 Internal Server Error", "{}"),
        Script::json(
            "401 Unauthorized",
            r#"{"error":{"message":"Incorrect API key provided: sk-test"}}"#,
        ),
    ])
    .await;
    let adapter = adapter(&upstream, |_| {});
    let fault = run(&adapter, forward(ASK_STREAM)).await.fault();
    assert_eq!(
        (fault.code, fault.retry_after_ms),
        (Code::WindowAgent, Some(7_000))
    );
    assert_eq!(run(&adapter, forward(ASK)).await.fault().code, Code::Adapter);
    let fault = run(&adapter, forward(ASK)).await.fault();
    assert_eq!(fault.code, Code::Config);
    assert!(!fault.detail.contains("sk-test"));
}

#[tokio::test]
async fn silence_is_a_timeout_and_closes_the_connection() {
    let upstream = Upstream::start([
        Script::silent(),
        Script::stream(&[HEL, LO]).stalled(),
        Script::silent(),
    ])
    .await;
    let adapter = adapter(&upstream, |settings| {
        settings.waits.first_chunk = Duration::from_millis(200);
        settings.waits.between_chunks = Duration::from_millis(50);
    });
    assert_eq!(
        run(&adapter, forward(ASK_STREAM)).await.fault().code,
        Code::Timeout
    );
    let outcome = run(&adapter, forward(ASK_STREAM)).await;
    assert_eq!(outcome.bytes, [HEL, LO].concat().as_bytes());
    assert_eq!(outcome.fault().code, Code::Timeout);
    let late = Call {
        deadline_ms: 50,
        ..forward(ASK)
    };
    assert_eq!(run(&adapter, late).await.fault().code, Code::Timeout);
    upstream
        .until("three connections closed", |seen| seen.hangups == 3)
        .await;
}

#[tokio::test]
async fn what_was_done_for_an_answer_in_one_piece_that_is_lost_is_not_known() {
    let big = COMPLETION.replace("Hello", &"x".repeat(5_000));
    let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{";
    let upstream = Upstream::start([
        Script::silent(),
        Script::raw(half).closed(),
        Script::json("200 OK", &big),
        Script::stream(&[HEL, LO]).cut(),
        Script::json("400 Bad Request", "{}"),
    ])
    .await;
    let adapter = adapter(&upstream, |settings| settings.limits.answer = 4_000);
    let late = Call {
        deadline_ms: 50,
        ..forward(ASK)
    };
    for (call, is_unknown) in [
        (late, true),
        (forward(ASK), true),
        (read(false), true),
        // What came of a stream was counted, and whoever refuses bills nothing.
        (forward(ASK_STREAM), false),
        (forward(ASK), false),
    ] {
        let fault = run(&adapter, call).await.fault();
        assert_eq!(fault.is_outcome_unknown, is_unknown, "{fault}");
    }
}

#[tokio::test]
async fn a_call_that_never_found_a_connection_is_known_to_have_done_nothing() {
    let upstream = Upstream::start([Script::silent()]).await;
    let adapter = adapter(&upstream, |settings| settings.limits.in_flight = 1);
    let first = adapter.stream(forward(ASK));
    let late = Call {
        deadline_ms: 50,
        ..forward(ASK)
    };
    tokio::select! {
        biased;
        _ = first => panic!("the upstream is silent"),
        second = run(&adapter, late) => {
            let fault = second.fault();
            assert_eq!((fault.code, fault.is_outcome_unknown), (Code::Timeout, false), "{fault}");
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_down() {
    let upstream = Upstream::start([]).await;
    let adapter = adapter(&upstream, |settings| {
        settings.base_url = "http://127.0.0.1:1/v1".parse().unwrap();
    });
    assert_eq!(run(&adapter, forward(ASK)).await.fault().code, Code::AgentDown);
    assert_eq!(adapter.health().await.unwrap_err().code, Code::AgentDown);
}

#[tokio::test]
async fn answers_that_make_no_sense_or_never_end_are_failures() {
    let huge = format!("data: {}\n\n", "x".repeat(5_000));
    let big = COMPLETION.replace("Hello", &"x".repeat(5_000));
    let upstream = Upstream::start([
        Script::json("200 OK", "<html>login</html>"),
        Script::json("200 OK", r#"{"object":"list"}"#),
        Script::json("200 OK", COMPLETION),
        Script::stream(&["data: {\"choices\":\n\n"]),
        Script::stream(&[HEL, &huge[..2_500], &huge[2_500..]]),
        Script::json("200 OK", &big),
    ])
    .await;
    let adapter = adapter(&upstream, |settings| {
        settings.limits.event = 2_000;
        settings.limits.answer = 4_000;
    });
    for call in [
        forward(ASK),
        read(false),
        forward(ASK_STREAM),
        read(true),
        forward(ASK_STREAM),
        forward(ASK),
    ] {
        let fault = run(&adapter, call).await.fault();
        assert_eq!(fault.code, Code::Adapter, "{fault}");
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_unnoticed() {
    let scripts = [
        Script::json("200 OK", COMPLETION).closed(),
        Script::json("200 OK", COMPLETION),
    ];
    let upstream = Upstream::start(scripts).await;
    let adapter = adapter(&upstream, |_| {});
    run(&adapter, forward(ASK)).await.done();
    run(&adapter, forward(ASK)).await.done();
    assert_eq!(upstream.seen().connections, 2);
}

#[tokio::test]
async fn a_call_waits_for_a_slot_and_is_refused_in_time() {
    let upstream = Upstream::start([
        Script::stream(&[HEL]).stalled(),
        Script::json("200 OK", COMPLETION),
    ])
    .await;
    let adapter = adapter(&upstream, |settings| {
        settings.limits.in_flight = 1;
        settings.waits.slot = Duration::from_millis(30);
    });
    let running = adapter.stream(forward(ASK_STREAM)).await.unwrap();
    assert_eq!(run(&adapter, forward(ASK)).await.fault().code, Code::WindowAgent);
    drop(running);
    run(&adapter, forward(ASK)).await.done();
    upstream
        .until("the dropped call's connection closed", |seen| seen.hangups == 1)
        .await;
}

#[tokio::test]
async fn an_error_under_a_good_status_is_an_error() {
    let error = r#"{"error":{"message":"Provider returned error","code":429}}"#;
    let upstream = Upstream::start([Script::json("200 OK", error), Script::json("200 OK", error)]).await;
    let adapter = adapter(&upstream, |_| {});
    for call in [forward(ASK), read(false)] {
        assert_eq!(run(&adapter, call).await.fault().code, Code::WindowAgent);
    }
}
