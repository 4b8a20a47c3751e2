use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use atp_actors::adapter::{Adapter, AdapterFactory, Call, LaneEvent, LaneFinal, LaneStream};
use atp_protocol::adapter::{HealthStatus, UsageMode};
use atp_protocol::error::{Code, Fault};
use atp_protocol::units::Amount;
use futures_util::StreamExt;
use http::HeaderMap;
use tokio::sync::Notify;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use super::testing::{Remote, Step, capability, chunk, relay, serve};
use super::v1::{EstimateResponse, HealthResponse};
use super::*;
use crate::builtin::sample;
use crate::provider::settings::{Auth, Limits, Waits};
use crate::secret::Secret;

const PARTIAL: &str = "agent.result.partial";
const FINAL: &str = "agent.result.final";
const MANY: Amount = Amount {
    tokens: 1_000_000,
    usd_micros: 1_000_000,
};

fn settings(url: &str) -> Settings {
    Settings {
        capability: Arc::new(capability()),
        base_url: url.parse().unwrap(),
        auth: Auth::Bearer(Secret::new("k-1".to_owned())),
        headers: HeaderMap::new(),
        api_version: None,
        limit_member: None,
        waits: Waits::default(),
        limits: Limits::default(),
    }
}

fn adapter(addr: std::net::SocketAddr) -> Rc<dyn Adapter> {
    Grpc::new(settings(&format!("http://{addr}"))).unwrap().build()
}

fn call() -> Call {
    let mut call = sample::call("hi");
    call.budget = MANY;
    call
}

/// All events up to the end or the error.
async fn collect(stream: Result<LaneStream, Fault>) -> (Vec<LaneEvent>, Option<Fault>) {
    let mut events = Vec::new();
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(fault) => return (events, Some(fault)),
    };
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(fault) => {
                assert!(stream.next().await.is_none(), "nothing follows an error");
                return (events, Some(fault));
            }
        }
    }
    (events, None)
}

async fn play(steps: Vec<Step>) -> (Vec<LaneEvent>, Option<Fault>) {
    let remote = Remote {
        steps,
        ..Remote::default()
    };
    serve(remote, None, async |addr| {
        collect(adapter(addr).stream(call()).await).await
    })
    .await
}

fn texts(events: &[LaneEvent]) -> String {
    events
        .iter()
        .map(|event| match event {
            LaneEvent::Partial(partial) => partial.text.as_str(),
            _ => "",
        })
        .collect()
}

fn end(events: &[LaneEvent]) -> &LaneFinal {
    match events.last() {
        Some(LaneEvent::Final(end)) => end,
        other => panic!("no final: {other:?}"),
    }
}

fn out_tokens(events: &[LaneEvent]) -> u64 {
    end(events).usage.unwrap().out_tokens
}

#[tokio::test]
async fn a_whole_answer_comes_in_order_with_its_usage() {
    let (events, fault) = play(vec![
        chunk("agent.log", r#"{"level":"info","text":"begin"}"#, (5, 0, 0), true),
        chunk(PARTIAL, r#"{"text":"Hello "}"#, (0, 2, 10), true),
        chunk(PARTIAL, r#"{"text":"world"}"#, (0, 1, 5), true),
        chunk(
            FINAL,
            r#"{"finish_reason":"stop","data":{"n":1}}"#,
            (0, 0, 0),
            false,
        ),
    ])
    .await;
    assert_eq!(fault, None);
    assert_eq!(texts(&events), "Hello world");
    assert!(matches!(&events[0], LaneEvent::Log { text, .. } if text == "begin"));
    let end = end(&events);
    let usage = end.usage.unwrap();
    assert_eq!(
        (usage.in_tokens, usage.out_tokens, usage.usd_micros),
        (5, 3, Some(15))
    );
    assert_eq!(end.finish_reason.as_deref(), Some("stop"));
}

#[tokio::test]
async fn request_metadata_and_credential_reach_the_adapter() {
    let remote = Remote {
        steps: vec![chunk(FINAL, "{}", (0, 0, 0), false)],
        ..Remote::default()
    };
    let seen = remote.seen.clone();
    let mut call = call();
    call.traceparent = Some("00-1-2-01".into());
    serve(remote, None, async |addr| {
        collect(adapter(addr).stream(call).await).await
    })
    .await;
    let metadata = seen.metadata.lock().unwrap();
    assert_eq!(metadata.get("authorization").unwrap(), "Bearer k-1");
    assert_eq!(metadata.get("x-tenant-id").unwrap(), "acme");
    assert_eq!(metadata.get("traceparent").unwrap(), "00-1-2-01");
    assert!(metadata.contains_key("grpc-timeout"));
    let request = seen.request.lock().unwrap().take().unwrap();
    assert_eq!(
        (request.stream_id.as_str(), request.session_id.as_str()),
        ("stream", "session")
    );
    assert_eq!(request.deadline_ms, 30_000);
}

#[tokio::test]
async fn running_totals_are_taken_as_declared() {
    let remote = Remote {
        steps: [10, 20, 30]
            .map(|n| chunk(PARTIAL, r#"{"text":"x"}"#, (1, n, 0), true))
            .into_iter()
            .chain([chunk(FINAL, "{}", (1, 35, 0), false)])
            .collect(),
        health: HealthResponse {
            capability_json:
                r#"{"adapter_id":"remote","adapter_type":"x","capabilities":[],"models":[],"usage_mode":"cumulative"}"#
                    .to_owned(),
            ..HealthResponse::default()
        },
        ..Remote::default()
    };
    serve(remote, None, async |addr| {
        let adapter = adapter(addr);
        let (summed, _) = collect(adapter.stream(call()).await).await;
        assert_eq!(out_tokens(&summed), 95);
        adapter.health().await.unwrap();
        assert_eq!(adapter.capability().usage_mode, UsageMode::Cumulative);
        let (declared, _) = collect(adapter.stream(call()).await).await;
        assert_eq!(out_tokens(&declared), 35);
    })
    .await;
}

#[tokio::test]
async fn totals_sent_as_increments_are_noticed_and_settled_on_the_last() {
    let steps = [50, 80, 90, 100].map(|n| chunk(PARTIAL, r#"{"text":"x"}"#, (0, n, 0), true));
    let remote = Remote {
        steps: steps
            .into_iter()
            .chain([chunk(FINAL, "{}", (0, 101, 0), false)])
            .collect(),
        ..Remote::default()
    };
    let mut call = call();
    call.budget = Amount {
        tokens: 100,
        usd_micros: 0,
    };
    let (events, _) = serve(remote, None, async |addr| {
        collect(adapter(addr).stream(call).await).await
    })
    .await;
    assert_eq!(out_tokens(&events), 101);
    let warnings = events
        .iter()
        .filter(|event| matches!(event, LaneEvent::Log { text, .. } if text.starts_with("usage_suspect")));
    assert_eq!(warnings.count(), 1);
}

#[tokio::test]
async fn an_end_without_a_final_is_a_failure_that_keeps_the_partials() {
    let (events, fault) = play(vec![chunk(PARTIAL, r#"{"text":"half"}"#, (0, 1, 0), true)]).await;
    assert_eq!(texts(&events), "half");
    assert_eq!(fault.unwrap().code, Code::Adapter);
}

#[tokio::test]
async fn what_follows_the_final_is_ignored_and_the_call_reset() {
    let remote = Remote {
        steps: vec![
            chunk(FINAL, r#"{"text":"done"}"#, (0, 1, 0), false),
            chunk(PARTIAL, r#"{"text":"more"}"#, (0, 9, 0), true),
            Step::Stall,
        ],
        ..Remote::default()
    };
    let seen = remote.seen.clone();
    let (events, fault) = serve(remote, None, async |addr| {
        let collected = collect(adapter(addr).stream(call()).await).await;
        seen.cancelled.notified().await;
        collected
    })
    .await;
    assert_eq!((events.len(), fault), (1, None));
    assert_eq!(end(&events).text.as_deref(), Some("done"));
    assert_eq!(out_tokens(&events), 1);
}

#[tokio::test]
async fn content_that_is_no_json_is_text_and_nothing_counted_is_no_usage() {
    let (events, fault) = play(vec![
        chunk(PARTIAL, "plain words", (0, 0, 0), true),
        chunk(FINAL, "{broken", (0, 0, 0), false),
    ])
    .await;
    assert_eq!((texts(&events).as_str(), fault), ("plain words", None));
    assert_eq!(end(&events).text.as_deref(), Some("{broken"));
    assert!(end(&events).usage.is_none());
}

#[tokio::test]
async fn an_adapters_own_failure_names_it() {
    let (_, fault) = play(vec![chunk(
        "agent.result.error",
        r#"{"error":"out of disk","retryable":false}"#,
        (0, 0, 0),
        false,
    )])
    .await;
    let fault = fault.unwrap();
    assert_eq!((fault.code, fault.retryable), (Code::Adapter, Some(false)));
    assert_eq!(fault.detail, "remote: out of disk");
}

#[tokio::test]
async fn each_status_has_its_code_and_credentials_stay_secret() {
    use tonic::Code as Grpc;
    for (status, code) in [
        (Grpc::Unavailable, Code::AgentDown),
        (Grpc::DeadlineExceeded, Code::Timeout),
        (Grpc::ResourceExhausted, Code::WindowAgent),
        (Grpc::Unauthenticated, Code::Config),
        (Grpc::InvalidArgument, Code::BadInput),
        (Grpc::NotFound, Code::NotFound),
        (Grpc::Cancelled, Code::Cancel),
        (Grpc::Internal, Code::Adapter),
    ] {
        let (_, fault) = play(vec![Step::Fail(status, "key k-1 is wrong")]).await;
        let fault = fault.unwrap();
        assert_eq!(fault.code, code, "{status}");
        assert!(
            code != Code::Config || !fault.detail.contains("k-1"),
            "{}",
            fault.detail
        );
    }
}

#[tokio::test]
async fn a_stall_ends_at_the_first_bound_that_is_reached() {
    let remote = Remote {
        steps: vec![chunk(PARTIAL, r#"{"text":"x"}"#, (0, 1, 0), true), Step::Stall],
        ..Remote::default()
    };
    let silent = Remote {
        steps: vec![Step::Stall],
        ..Remote::default()
    };
    let with_waits = |first_ms, between_ms| {
        move |addr| {
            let mut settings = settings(&format!("http://{addr}"));
            settings.waits.first_chunk = Duration::from_millis(first_ms);
            settings.waits.between_chunks = Duration::from_millis(between_ms);
            Grpc::new(settings).unwrap().build()
        }
    };
    for (remote, first, between, deadline, partials, why) in [
        (remote.clone(), 30_000, 20, 30_000, 1, "said nothing"),
        (silent, 20, 30_000, 30_000, 0, "said nothing"),
        (remote, 30_000, 30_000, 50, 1, "deadline"),
    ] {
        let (events, fault) = serve(remote, None, async |addr: std::net::SocketAddr| {
            let mut call = call();
            call.deadline_ms = deadline;
            collect(with_waits(first, between)(addr).stream(call).await).await
        })
        .await;
        let fault = fault.unwrap();
        assert_eq!((events.len(), fault.code), (partials, Code::Timeout));
        assert!(fault.detail.contains(why), "{}", fault.detail);
    }
}

#[tokio::test]
async fn a_cut_connection_fails_the_lane_and_the_next_call_dials_anew() {
    let remote = Remote {
        steps: vec![chunk(PARTIAL, r#"{"text":"x"}"#, (0, 1, 0), true), Step::Stall],
        ..Remote::default()
    };
    let cut = Notify::new();
    serve(remote, None, async |to| {
        relay(to, &cut, async |addr| {
            let adapter = adapter(addr);
            let mut stream = adapter.stream(call()).await.unwrap();
            stream.next().await.unwrap().unwrap();
            cut.notify_one();
            let fault = stream.next().await.unwrap().unwrap_err();
            assert!(matches!(fault.code, Code::AgentDown | Code::Adapter), "{fault}");
            let mut again = adapter.stream(call()).await.unwrap();
            again.next().await.unwrap().unwrap();
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn dropping_the_stream_cancels_the_call_at_the_adapter() {
    let remote = Remote {
        steps: vec![chunk(PARTIAL, r#"{"text":"x"}"#, (0, 1, 0), true), Step::Stall],
        ..Remote::default()
    };
    let seen = remote.seen.clone();
    serve(remote, None, async |addr| {
        let mut stream = adapter(addr).stream(call()).await.unwrap();
        stream.next().await.unwrap().unwrap();
        assert!(!seen.is_cancelled.load(Ordering::SeqCst));
        drop(stream);
        seen.cancelled.notified().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_there_is_an_agent_that_is_down() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let (_, fault) = collect(adapter(addr).stream(call()).await).await;
    assert_eq!(fault.unwrap().code, Code::AgentDown);
    assert_eq!(adapter(addr).health().await.unwrap_err().code, Code::AgentDown);
}

#[tokio::test]
async fn a_chunk_over_the_limit_ends_the_lane() {
    let big = format!("{{\"text\":\"{}\"}}", "x".repeat(5_000));
    let remote = Remote {
        steps: vec![chunk(PARTIAL, &big, (0, 1, 0), true)],
        ..Remote::default()
    };
    let (_, fault) = serve(remote, None, async |addr: std::net::SocketAddr| {
        let mut settings = settings(&format!("http://{addr}"));
        settings.limits.event = 4_096;
        collect(Grpc::new(settings).unwrap().build().stream(call()).await).await
    })
    .await;
    assert_eq!(fault.unwrap().code, Code::Adapter);
}

#[tokio::test]
async fn estimates_and_health_are_asked_for() {
    let remote = Remote {
        estimate: Some(EstimateResponse {
            in_tokens: 7,
            out_tokens: 9,
            ..EstimateResponse::default()
        }),
        health: HealthResponse {
            p95_ms: 12.0,
            status: "degraded".to_owned(),
            ..HealthResponse::default()
        },
        ..Remote::default()
    };
    serve(remote, None, async |addr| {
        let adapter = adapter(addr);
        let estimate = adapter.estimate(&call()).await.unwrap();
        assert_eq!((estimate.in_tokens, estimate.out_tokens), (7, 9));
        let health = adapter.health().await.unwrap();
        assert_eq!(
            (health.status, health.p95_latency_ms),
            (HealthStatus::Degraded, Some(12.0))
        );
    })
    .await;
    let none = serve(Remote::default(), None, async |addr| {
        adapter(addr).estimate(&call()).await
    })
    .await;
    assert!(none.is_err(), "UNIMPLEMENTED leaves the estimate to the router");
}

#[tokio::test]
async fn tls_is_spoken_and_strangers_are_refused() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let identity = Identity::from_pem(certificate.pem(), key.serialize_pem());
    let remote = Remote {
        steps: vec![chunk(FINAL, r#"{"text":"done"}"#, (0, 1, 0), false)],
        ..Remote::default()
    };
    let server = ServerTlsConfig::new().identity(identity);
    serve(remote, Some(server), async |addr| {
        let settings = settings(&format!("https://localhost:{}", addr.port()));
        let root = Certificate::from_pem(certificate.pem());
        let trusting = Grpc::with_tls(settings.clone(), ClientTlsConfig::new().ca_certificate(root)).unwrap();
        let (events, fault) = collect(trusting.build().stream(call()).await).await;
        assert_eq!(fault, None);
        assert_eq!(end(&events).text.as_deref(), Some("done"));
        let stranger = Grpc::new(settings).unwrap();
        let (_, fault) = collect(stranger.build().stream(call()).await).await;
        assert_eq!(fault.unwrap().code, Code::AgentDown);
    })
    .await;
}

#[test]
fn a_url_without_scheme_or_host_is_refused() {
    assert!(Grpc::new(settings("/models")).is_err());
}
