//! The body of `POST /v1/streams`.

use atp_actors::streams::Head;
use atp_protocol::error::{Code, Fault};
use atp_protocol::frame::Meta;
use atp_protocol::ids::SessionId;
use atp_protocol::request::{Identity, Quality};
use atp_protocol::units::{Amount, Tier, Window, usd_to_micros};
use atp_protocol::value;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::surfaces::{body, request};

/// Members of a task that make it work.
const WORDS: [&str; 4] = ["prompt", "messages", "text", "content"];

/// What a client wants of a stream.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) session_id: Option<SessionId>,
    task: Option<Map<String, Value>>,
    budget: Option<Budget>,
    qos: Option<Tier>,
    window: Option<Window>,
    personas: Option<Value>,
    reconciliation: Option<String>,
    pub(super) idempotency_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    tokens: Option<u64>,
    usd_micros: Option<u64>,
    usd: Option<f64>,
}

impl Wanted {
    /// Reads a body. Of `task`, members that nobody knows are the request's (atp.md 7.1); beside it there are none.
    ///
    /// # Errors
    /// `EPROTO` for what is not JSON, `EBAD_INPUT` for a member that is not known or of another type, named.
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        let tree = body::tree(body)?;
        let stray =
            |object: &value::Object<'_>| WORDS.into_iter().find(|word| object.present(word).is_some());
        match tree.as_object().and_then(stray) {
            Some(word) => Err(Fault::new(
                Code::BadInput,
                format!("stream: {word}: work goes inside of `task`: {{\"task\": {{\"{word}\": …}}}}"),
            )),
            None => body::typed(&tree, "stream"),
        }
    }

    /// What holds for the stream from its beginning.
    ///
    /// # Errors
    /// `EPOLICY` for a tier above the identity's, `EBAD_INPUT` for a budget that is no amount.
    pub(super) fn head(&self, identity: &Identity) -> Result<Head, Fault> {
        let tier = self.tier().unwrap_or(Tier::Silver);
        Ok(Head {
            tier: request::allowed(tier, identity, self.qos.is_some())?,
            window: self.window.unwrap_or(Window::MAX),
            budget: self.budget.as_ref().map(amount).transpose()?,
        })
    }

    /// The tier asked for, in whichever words.
    fn tier(&self) -> Option<Tier> {
        let quality = || {
            let quality = self.task.as_ref()?.get("quality")?;
            Quality::deserialize(quality).ok().map(request::tier_of)
        };
        self.qos.or_else(quality)
    }

    /// The frame that opens the stream; `None` when the task has no content.
    pub(super) fn frame(self, head: &Head) -> Option<String> {
        let mut task = self.task?;
        let mut meta = Map::new();
        for name in Meta::MEMBERS {
            if let Some(value) = task.remove(*name) {
                meta.insert((*name).to_owned(), value);
            }
        }
        let outer = [
            ("personas", self.personas),
            ("reconciliation", self.reconciliation.map(Value::from)),
            ("idempotency_key", self.idempotency_key.map(Value::from)),
        ];
        for (name, value) in outer {
            if let Some(value) = value {
                meta.entry(name).or_insert(value);
            }
        }
        if !WORDS.iter().any(|name| task.contains_key(*name)) {
            return None;
        }
        let content = match task.remove("content") {
            Some(Value::Object(content)) => {
                task.extend(content);
                Value::Object(task)
            }
            Some(Value::String(prompt)) => {
                task.insert("prompt".to_owned(), prompt.into());
                Value::Object(task)
            }
            Some(other) => other,
            None => Value::Object(task),
        };
        let frame = json!({
            "v": 1,
            "msg_seq": 1,
            "flags": ["SYN"],
            "qos": head.tier,
            "window": head.window,
            "meta": meta,
            "payload": { "type": "agent.request", "content": content },
        });
        Some(frame.to_string())
    }
}

/// A budget without a component does not bound it.
fn amount(budget: &Budget) -> Result<Amount, Fault> {
    let bad = || Fault::new(Code::BadInput, "budget.usd: write dollars, 0 or more");
    let usd = budget
        .usd
        .map(|usd| usd_to_micros(usd).ok_or_else(bad))
        .transpose()?;
    Ok(Amount {
        tokens: budget.tokens.unwrap_or(u64::MAX),
        usd_micros: budget.usd_micros.or(usd).unwrap_or(u64::MAX),
    })
}
