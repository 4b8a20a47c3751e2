//! A node that is killed over and over under load, judged by the chaos runner of `atp_load`.

use std::net::TcpListener;

use atp_load::chaos::{Harm, Options, Report, Schedule, run};
use atp_load::fleet::Template;
use tokio::task::LocalSet;

use super::fixture::ADMIN_KEY;

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

/// The node's configuration, before a provider at `upstream`.
fn configuration(listen: u16, upstream: u16, data: &str) -> String {
    format!(
        r#"
        [node]
        listen = "127.0.0.1:{listen}"
        data_dir = "{data}"
        [auth]
        admin_key = "env:ADMIN_KEY"
        [budget]
        hold_ttl_ms = 2000
        [[providers]]
        id = "mock"
        kind = "openai"
        url = "http://127.0.0.1:{upstream}/v1"
        key = "env:PROVIDER_KEY"
        models = ["mock"]
        [prices.mock]
        in_usd_micros_per_million = 1_000_000
        out_usd_micros_per_million = 1_000_000
        "#
    )
}

async fn chaos(harm: Harm) -> Report {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (listen, upstream) = (free_port(), free_port());
    let data = directory.path().join("data").display().to_string();
    let config = directory.path().join("node.toml");
    std::fs::write(&config, configuration(listen, upstream, &data)).expect("temporary files can be written");
    let node = env!("CARGO_BIN_EXE_node-under-test");
    let start = format!(
        "env ADMIN_KEY={ADMIN_KEY} PROVIDER_KEY=sk-provider {node} run --config {}",
        config.display()
    );
    let options = Options {
        template: Template {
            prepare: None,
            start: Some(start),
            api: vec![format!("http://127.0.0.1:{listen}")],
        },
        schedule: Schedule {
            harm: vec![harm],
            every_ms: 1_500,
            lasting_ms: 1_000,
            home: None,
        },
        size: None,
        addresses: Vec::new(),
        links: Vec::new(),
        admin_key: ADMIN_KEY.to_owned(),
        upstream_port: upstream,
        model: "mock".to_owned(),
        stream_model: "mock".to_owned(),
        seed: Some(3),
        seconds: 6,
        ready_seconds: 30,
        spenders: 8,
        limit_tokens: 20_000,
        raise_ms: 2_000,
        // A single node keeps streams in memory.
        readers: 0,
        writers: 3,
        dir: Some(directory.path().to_owned()),
    };
    LocalSet::new()
        .run_until(run(&options))
        .await
        .expect("the run comes to a verdict")
}

#[tokio::test]
async fn a_node_that_is_killed_over_and_over_neither_overspends_nor_forgets() {
    let report = chaos(Harm::Kill).await;
    assert!(report.is_clean(), "{report:#?}");
    for what in ["kills", "answers", "account operations", "histories linearizable"] {
        assert!(
            report.counts.get(what).is_some_and(|count| *count > 0),
            "{what}: {report:#?}"
        );
    }
}

#[tokio::test]
async fn a_node_that_stands_still_for_a_while_loses_nothing() {
    let report = chaos(Harm::Freeze).await;
    assert!(report.is_clean(), "{report:#?}");
    assert!(report.counts["freezes"] > 0, "{report:#?}");
}
