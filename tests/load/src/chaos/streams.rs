//! Clients of resumable streams: they go from member to member until they have the final, and it must stay.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::api::{Api, Ask};
use super::report::Notes;
use crate::client::Failure;
use crate::clock;
use crate::seed::Seed;

/// After an answer that is none.
const PAUSE: Duration = Duration::from_millis(100);
/// A client goes on looking for a final for so long, also after the end of the run: a stream that was opened has one.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an owner waits for an answer about its last word, twice over.
const KNOWN_WITHIN: Duration = Duration::from_secs(20);

/// The finals that clients have seen, by stream.
pub(super) type Finals = Rc<RefCell<BTreeMap<String, Value>>>;

/// Opens streams one after the other and reads each to its final.
pub(super) async fn client(
    api: Api,
    key: String,
    model: String,
    finals: Finals,
    notes: Notes,
    mut seed: Seed,
) {
    while notes.goes_on() {
        let prompt = "[[upstream completion_tokens=40 interval_ms=25]] forty words";
        let body = json!({
            "task": { "prompt": prompt, "model": model, "max_tokens": 40 },
            "idempotency_key": format!("chaos-{:x}", seed.draw()),
        });
        match open(&api, &key, &body, &mut seed).await {
            Some(id) => {
                notes.count("streams opened");
                follow(&api, &key, id, &finals, &notes, &mut seed).await;
            }
            None => {
                notes.count("streams refused");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn open(api: &Api, key: &str, body: &Value, seed: &mut Seed) -> Option<String> {
    let ask = Ask {
        key,
        method: &Method::POST,
        path: "/v1/streams",
        body,
    };
    // A second attempt under the same idempotency key finds the stream that the first may have opened.
    for _ in 0..2 {
        if let Ok(answer) = api.ask(api.any(seed), ask).await {
            let opened: Value = serde_json::from_slice(&answer).ok()?;
            return opened["stream_id"].as_str().map(str::to_owned);
        }
        sleep(PAUSE).await;
    }
    None
}

async fn follow(api: &Api, key: &str, id: String, finals: &Finals, notes: &Notes, seed: &mut Seed) {
    let path = format!("/v1/streams/{id}/events");
    let deadline = clock::now() + PATIENCE;
    let mut events = Events::default();
    while clock::now() < deadline {
        let ask = Ask {
            key,
            method: &Method::GET,
            path: &path,
            body: &Value::Null,
        };
        let last = events.last.clone();
        let headers: &[(&str, &str)] = match &last {
            Some(last) => &[("last-event-id", last)],
            None => &[],
        };
        events.text.clear();
        let read = |piece: &[u8]| events.read(piece, notes);
        if api.follow(api.any(seed), ask, headers, read).await == Ok(true) {
            match events.end.take() {
                Some(End::Final(content)) => {
                    notes.count("finals");
                    finals.borrow_mut().insert(id, content);
                }
                Some(End::Error(code)) => notes.count(&format!("streams ended by {code}")),
                None => {}
            }
            return;
        }
        notes.count("streams resumed");
        sleep(PAUSE).await;
    }
    notes.violation(format!("stream {id} had no final within {PATIENCE:?}"));
}

/// The events of one stream, over all connections on which it was read.
#[derive(Default)]
struct Events {
    /// What was read of the next event.
    text: String,
    last: Option<String>,
    seen: BTreeMap<String, String>,
    end: Option<End>,
}

/// How a stream ended.
#[derive(Debug, PartialEq)]
enum End {
    Final(Value),
    /// By its wire code.
    Error(String),
}

impl Events {
    /// Reads on; whether the stream has come to its end.
    fn read(&mut self, piece: &[u8], notes: &Notes) -> bool {
        self.text.push_str(&String::from_utf8_lossy(piece));
        while let Some((event, rest)) = self.text.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            self.text = rest;
            if self.take(&event, notes) {
                return true;
            }
        }
        false
    }

    fn take(&mut self, event: &str, notes: &Notes) -> bool {
        let field = |name: &str| {
            let mut lines = event.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(field, _)| *field == name)
                .map(|(_, value)| value.trim().to_owned())
        };
        let (name, data) = (
            field("event").unwrap_or_default(),
            field("data").unwrap_or_default(),
        );
        if let Some(id) = field("id").filter(|id| !id.is_empty()) {
            if self.seen.contains_key(&id) {
                notes.violation(format!(
                    "event {id} was delivered again after it was named as the last"
                ));
            }
            self.seen.insert(id.clone(), data.clone());
            self.last = Some(id);
        }
        if name == "gap" {
            notes.count("gaps");
        }
        let frame: Value = serde_json::from_str(&data).unwrap_or_default();
        let content = &frame["payload"]["content"];
        self.end = match name.as_str() {
            "final" => Some(End::Final(content.clone())),
            "error" => Some(End::Error(
                content["code"].as_str().unwrap_or("an error").to_owned(),
            )),
            _ => None,
        };
        self.end.is_some()
    }
}

/// Asks every member for every final that was seen; it must be the same one. An owner that was cut off says so once it has heard that
/// its word was kept, which takes no longer than [`KNOWN_WITHIN`].
pub(super) async fn audit(api: &Api, key: &str, finals: &Finals, notes: &Notes) {
    let finals = finals.borrow().clone();
    for (id, seen) in finals {
        for member in api.members() {
            let deadline = clock::now() + KNOWN_WITHIN;
            let mut state = look(api, member, key, &id).await;
            while !matches!(&state, Ok(state) if state["final"] == seen) && clock::now() < deadline {
                notes.count("finals looked for again");
                sleep(PAUSE).await;
                state = look(api, member, key, &id).await;
            }
            match state {
                Ok(state) if state["final"] == seen => notes.count("finals found again"),
                Ok(state) => notes.violation(format!("stream {id} at member {}: {state}", member + 1)),
                Err(failure) => {
                    notes.violation(format!(
                        "final of stream {id} lost at member {}: {failure}",
                        member + 1
                    ));
                }
            }
        }
    }
}

async fn look(api: &Api, member: usize, key: &str, id: &str) -> Result<Value, Failure> {
    let path = format!("/v1/streams/{id}");
    let ask = Ask {
        key,
        method: &Method::GET,
        path: &path,
        body: &Value::Null,
    };
    let state = api.ask(member, ask).await?;
    serde_json::from_slice(&state).map_err(|_| Failure::Content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "event: partial\nid: :s/1\ndata: {\"a\":1}\n\n";
    const FINAL: &str = "event: final\nid: :s/2\ndata: {\"payload\":{\"content\":\"x\"}}\n\n";

    #[test]
    fn a_stream_ends_with_its_final_however_its_bytes_are_cut() {
        let (notes, mut events) = (Notes::new(1), Events::default());
        let text = format!(": hb\n\n{FIRST}{FINAL}");
        let ends: Vec<bool> = text
            .as_bytes()
            .chunks(7)
            .map(|piece| events.read(piece, &notes))
            .collect();
        assert_eq!(ends.iter().filter(|end| **end).count(), 1);
        assert_eq!(
            (events.end, events.last),
            (Some(End::Final(json!("x"))), Some(":s/2".to_owned()))
        );
        assert!(notes.report().is_clean());
    }

    #[test]
    fn an_event_that_comes_again_is_a_violation() {
        let (notes, mut events) = (Notes::new(1), Events::default());
        events.read(FIRST.as_bytes(), &notes);
        events.read(FIRST.as_bytes(), &notes);
        assert_eq!(notes.report().violations, 1);
    }
}
