//! Each load against the upstream itself, whose books say what must come out.

use std::future::Future;

use atp_load::client::{Call, Connection, Surface, Target};
use atp_load::upstream::stats::Stats;
use atp_load::upstream::{self, start};
use atp_load::{drive, open, race, streams};
use tokio::task::LocalSet;

fn with_upstream<F: Future>(test: impl FnOnce(Target) -> F) -> F::Output {
    let upstream = start(upstream::Options::default()).expect("a loopback port is free");
    let target = Target::at(&upstream.url);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs no more than descriptors");
    LocalSet::new().block_on(&runtime, test(target))
}

async fn stats(target: &Target) -> Stats {
    let call = Call::get(&target.url, "/stats")
        .await
        .expect("the upstream's URL is valid");
    let books = Connection::new(call, None)
        .exchange()
        .await
        .expect("the upstream serves");
    serde_json::from_slice(&books).expect("the books are JSON")
}

#[test]
fn a_constant_rate_sends_every_request_that_is_due() {
    with_upstream(|target| async move {
        let options = drive::Options {
            rps: 200.0,
            seconds: 0.5,
            warmup_seconds: 0.25,
            connections: 4,
        };
        let report = drive::run(&target, &options).await.unwrap();
        assert_eq!((report.answered + report.unsent, report.errors.total()), (100, 0));
        assert_eq!(stats(&target).await.requests, 150 - report.unsent);
    });
}

#[test]
fn a_slow_answer_delays_the_requests_that_were_due_behind_it() {
    with_upstream(|mut target| async move {
        target.model = "slow-first".to_owned();
        let options = drive::Options {
            rps: 10.0,
            seconds: 1.0,
            warmup_seconds: 0.0,
            connections: 1,
        };
        let report = drive::run(&target, &options).await.unwrap();
        assert_eq!((report.answered, report.unsent), (1, 9));
        assert!(report.latency.p50_us >= 400_000.0, "{:?}", report.latency);
    });
}

#[test]
fn failures_are_counted_by_status() {
    with_upstream(|mut target| async move {
        target.model = "429".to_owned();
        let options = drive::Options {
            rps: 100.0,
            seconds: 0.2,
            warmup_seconds: 0.0,
            connections: 2,
        };
        let report = drive::run(&target, &options).await.unwrap();
        assert_eq!(
            serde_json::to_value(&report).unwrap()["errors"]["429"],
            20 - report.unsent
        );
    });
}

#[test]
fn streams_see_every_token_on_either_surface() {
    for surface in [Surface::Openai, Surface::Anthropic] {
        with_upstream(|mut target| async move {
            target.surface = surface;
            let options = streams::Options {
                streams: 5,
                seconds: 0.1,
                tokens: 4,
                interval_ms: 5,
            };
            let report = streams::run(&target, &options).await.unwrap();
            assert!(report.completed >= 5);
            assert_eq!((report.tokens, report.errors.total()), (report.completed * 4, 0));
            assert!(report.ttft.p50_us > 0.0 && report.lag.p50_us > 0.0);
        });
    }
}

#[test]
fn open_streams_stay_open_until_they_are_dropped() {
    with_upstream(|target| async move {
        let open = open::OpenStreams::open(&target, 20).await.unwrap();
        assert_eq!((open.report.open, stats(&target).await.open_streams), (20, 20));
        drop(open);
        while stats(&target).await.open_streams > 0 {}
    });
}

#[test]
fn a_race_sums_the_usage_of_what_was_accepted() {
    with_upstream(|target| async move {
        let options = race::Options {
            also: vec![],
            clients: 4,
            max_tokens: 9,
            requests: 5,
        };
        let report = race::run(&target, &options).await.unwrap();
        assert_eq!((report.accepted, report.completion_tokens), (20, 180));
        let stats = stats(&target).await;
        assert_eq!(stats.billed[""]["mock"].prompt_tokens, report.prompt_tokens);
    });
}

#[test]
fn a_refusal_ends_its_client() {
    with_upstream(|mut target| async move {
        target.model = "429".to_owned();
        let options = race::Options {
            also: vec![],
            clients: 4,
            max_tokens: 9,
            requests: 5,
        };
        let report = race::run(&target, &options).await.unwrap();
        assert_eq!((report.accepted, report.refused[&429]), (0, 4));
    });
}
