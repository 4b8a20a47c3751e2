//! Spans of connections: a listener in this process hears what a collector would be sent.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard};

use atp_actors::spans::{TARGET, Traces};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_default;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::fixture::{Agent, client, frame, on_node, on_node_in, request};

/// Fields of spans by name, and the names of their parents.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Span>>>);

#[derive(Clone, Default, Debug)]
struct Span {
    id: u64,
    name: &'static str,
    parent: Option<&'static str>,
    fields: BTreeMap<&'static str, String>,
}

impl Visit for Span {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

impl<S: tracing::Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Heard {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut span = Span {
            id: id.into_u64(),
            name: attributes.metadata().name(),
            parent: attributes
                .parent()
                .and_then(|parent| Some(context.span(parent)?.name())),
            ..Span::default()
        };
        attributes.record(&mut span);
        self.spans().push(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = self.spans();
        let of = spans.iter_mut().rev().find(|span| span.id == id.into_u64());
        values.record(of.expect("a span that was made"));
    }
}

impl Heard {
    fn spans(&self) -> MutexGuard<'_, Vec<Span>> {
        self.0.lock().expect("nobody panics while holding it")
    }

    fn only(&self, name: &str) -> Span {
        let spans = self.spans();
        let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0].clone()
    }
}

#[test]
fn a_connection_and_what_happens_on_it_are_spans() {
    let heard = Heard::default();
    let listen = Targets::new().with_target(TARGET, LevelFilter::TRACE);
    let _listening = set_default(Registry::default().with(heard.clone().with_filter(listen)));
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.greet(json!({ "features": ["nack"] })).await;
        let whole = json!({ "model": "summarizer.local", "text": "Routers route." }).to_string();
        let (first, second) = whole.split_at(20);
        for (at, markers, text) in [(0, &["SYN", "MORE"][..], first), (1, &[][..], second)] {
            let payload = json!({ "type": "agent.request", "content": { "text": text } });
            let mut piece = frame("a", 1, markers, payload);
            piece["frag_seq"] = at.into();
            peer.send(piece).await;
        }
        setup.counts("fragment_count_per_message_count", 1.0).await;
        peer.send(request("b", "summarizer.local", "Routers route. Budgets hold."))
            .await;
        peer.answer().await;
        let ack = json!({ "type": "control.ack", "content": { "msg_seq": 1, "completed": true, "cum": 1 } });
        peer.send(frame("b", 1, &["ACK"], ack)).await;
        peer.is_heard().await;
    });
    let connection = heard.only("ws_session");
    assert_eq!(connection.fields["dialect"], "native");
    assert_eq!(connection.fields["encoding"], "json");
    let joined = heard.only("fragment.reassemble");
    assert_eq!(
        (joined.parent, joined.fields["frag.parts"].as_str()),
        (Some("ws_session"), "2")
    );
    let acked = heard.only("ack.update");
    assert_eq!(
        (acked.parent, acked.fields["ack.msg_seq"].as_str()),
        (Some("ws_session"), "1")
    );
    assert_eq!(heard.only("heartbeat.tx").parent, Some("ws_session"));
    let spans = heard.spans();
    let windows = || spans.iter().filter(|span| span.name == "window.update");
    assert!(windows().count() > 0);
    assert!(
        windows().all(|span| span.fields.contains_key("window.after")),
        "{spans:?}"
    );
    let asked = spans.iter().filter(|span| span.name == "ask");
    let windows: Vec<_> = asked.map(|span| span.fields.get("window_state")).collect();
    let base = "4/10000000/10000000000".to_owned();
    assert!(windows.contains(&Some(&base)), "{windows:?}");
    let chunk = spans.iter().find(|span| span.name == "stream.buffer");
    let chunk = chunk.expect("a chunk came");
    assert_eq!(chunk.parent, Some("adapter.stream"));
    assert_eq!(chunk.fields["stream.seq"], "1");
}

#[test]
fn nothing_is_a_span_where_nobody_listens_for_them() {
    let heard = Heard::default();
    let logs = Targets::new()
        .with_default(LevelFilter::TRACE)
        .with_target(TARGET, LevelFilter::OFF);
    let _listening = set_default(Registry::default().with(heard.clone().with_filter(logs)));
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.send(request("a", "summarizer.local", "Routers route."))
            .await;
        peer.answer().await;
    });
    let spans = heard.spans();
    let ours = ["ws_session", "ask", "dispatch", "adapter.stream"];
    assert!(spans.iter().all(|span| !ours.contains(&span.name)), "{spans:?}");
}

/// Remembers whose trace requests go on with, and gives calls one to go on with.
#[derive(Clone, Default)]
struct Joined(Arc<Mutex<Vec<String>>>);

impl Traces for Joined {
    fn adopt(&self, _: &tracing::Span, traceparent: &str) {
        let mut joined = self.0.lock().expect("nobody panics while holding it");
        joined.push(traceparent.to_owned());
    }

    fn carry(&self, _: &tracing::Span) -> Option<String> {
        Some("00-ours-ours-01".to_owned())
    }
}

#[test]
fn a_stream_goes_on_with_the_trace_of_its_meta_and_its_agent_below_the_call() {
    let joined = Joined::default();
    let traces = joined.clone();
    let surround = |environment: &mut atp_node::environment::Environment| {
        environment.traces = Arc::new(traces);
    };
    on_node_in(
        surround,
        |_| {},
        async |setup| {
            let mut agent = Agent::ready(&setup, "traced").await;
            let mut peer = client(&setup).await;
            let mut asked = request("a", "traced", "say this back");
            asked["meta"] = json!({ "trace": { "traceparent": "00-theirs-theirs-01" } });
            peer.send(asked).await;
            let call = agent.peer.of_type("agent.request").await;
            assert_eq!(call["meta"]["trace"]["traceparent"], "00-ours-ours-01", "{call}");
        },
    );
    let joined = joined.0.lock().expect("nobody panics while holding it");
    assert_eq!(*joined, ["00-theirs-theirs-01"]);
}
