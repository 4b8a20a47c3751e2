//! `agent.request` (atp.md 7.2).

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::money::micros;
use super::read::{bad, within};
use crate::error::Fault;
use crate::request::{Content, LATENCY_SLO_MS, Message, MessageContent, Quality, Role};
use crate::units::Tier;
use crate::value::Value;

/// Output tokens of a request that names no limit.
pub const MAX_TOKENS_DEFAULT: u64 = 512;

const LATENCY_SLO_BOUNDS_MS: (u64, u64) = (100, 30_000);
const MAX_COST_USD_MICROS: (u64, u64) = (1_000, 10_000_000);
const PROMPT_CHARS_MAX: usize = 100_000;
const CONTEXT_REFS_MAX: usize = 50;
const CONTEXT_REF_CHARS_MAX: usize = 200;

/// How fresh the memory that a request reads has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Consistency {
    /// Any replica will do.
    #[default]
    #[serde(rename = "EVENTUAL")]
    Eventual,
    /// Read your own writes.
    #[serde(rename = "RYW")]
    ReadYourWrites,
}

/// Work asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The work in the shape every surface uses. `max_tokens` is `None` when the client named none, see
    /// [`MAX_TOKENS_DEFAULT`].
    pub content: Content,
    /// Most the request may cost, 0.001 to 10 dollars, if the client said so.
    pub max_cost_usd_micros: Option<u64>,
    /// Latency hoped for, 100 to 30 000 ms; 2 000 where the client named none.
    pub latency_slo_ms: u64,
    /// Whether the client wants chunks as they come, if it said so.
    pub stream: Option<bool>,
    /// The conversation this continues.
    pub conversation_id: Option<String>,
    /// The turn within it.
    pub turn_id: Option<String>,
    /// What else to take into account; at most 50 of 200 characters.
    pub context_refs: Vec<String>,
    /// What the client calls its tenant; never trusted.
    pub tenant: Option<String>,
    /// How fresh memory has to be.
    pub consistency: Consistency,
}

#[derive(Deserialize)]
struct Wire {
    prompt: Option<String>,
    messages: Option<Vec<WireMessage>>,
    text: Option<String>,
    max_tokens: Option<u64>,
    #[serde(default)]
    quality: Quality,
    latency_slo_ms: Option<u64>,
    max_cost_usd: Option<f64>,
    max_cost_usd_micros: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    stop: Option<Stop>,
    stream: Option<bool>,
    model: Option<String>,
    tools: Option<serde_json::Value>,
    tool_choice: Option<serde_json::Value>,
    response_format: Option<serde_json::Value>,
    conversation_id: Option<String>,
    turn_id: Option<String>,
    #[serde(default)]
    context_refs: Vec<String>,
    tenant: Option<String>,
    #[serde(default)]
    consistency_level: Consistency,
}

#[derive(Deserialize)]
struct WireMessage {
    role: Role,
    content: Option<serde_json::Value>,
    name: Option<String>,
    tool_calls: Option<serde_json::Value>,
    tool_call_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a text or a list of texts")]
enum Stop {
    One(String),
    Many(Vec<String>),
}

impl Request {
    /// Reads the content of an `agent.request`; a bare text is its prompt.
    ///
    /// # Errors
    /// `EBAD_INPUT` of the message, naming the member at fault and its range.
    pub fn read(content: &Value<'_>) -> Result<Self, Fault> {
        if let Some(prompt) = content.as_text() {
            let messages = vec![prompt_message(prompt.to_owned()).map_err(bad)?];
            return Ok(Self::of(Content {
                messages,
                ..Content::default()
            }));
        }
        let wire: Wire = content.read().map_err(bad)?;
        wire.check().map_err(bad)
    }

    /// A request with every default.
    #[must_use]
    pub const fn of(content: Content) -> Self {
        Self {
            content,
            max_cost_usd_micros: None,
            latency_slo_ms: LATENCY_SLO_MS,
            stream: None,
            conversation_id: None,
            turn_id: None,
            context_refs: Vec::new(),
            tenant: None,
            consistency: Consistency::Eventual,
        }
    }

    /// The content of an `agent.request` for an agent.
    #[must_use]
    pub fn to_value(&self) -> Value<'static> {
        let mut content = Value::of(&self.content);
        if let Some(members) = content.as_object_mut() {
            members.set("latency_slo_ms", self.latency_slo_ms);
            members.set("consistency_level", Value::of(&self.consistency));
            if let Some(micros) = self.max_cost_usd_micros {
                members.set("max_cost_usd_micros", micros);
            }
            if let Some(stream) = self.stream {
                members.set("stream", stream);
            }
            for (name, text) in [
                ("conversation_id", &self.conversation_id),
                ("turn_id", &self.turn_id),
            ] {
                if let Some(text) = text {
                    members.set(name, text.clone());
                }
            }
            if !self.context_refs.is_empty() {
                members.set("context_refs", self.context_refs.clone());
            }
        }
        content
    }

    /// The tier the quality stands for, where no tier was asked for.
    #[must_use]
    pub const fn tier(quality: Quality) -> Tier {
        match quality {
            Quality::Fast => Tier::Bronze,
            Quality::Balanced => Tier::Silver,
            Quality::High => Tier::Gold,
        }
    }
}

impl Wire {
    fn check(self) -> Result<Request, String> {
        // the published Go client sends 0 where its caller set nothing
        let max_tokens = self
            .max_tokens
            .filter(|&n| n != 0)
            .map(|n| within("max_tokens", n, 1, u64::MAX))
            .transpose()?;
        let slo = self.latency_slo_ms.unwrap_or(LATENCY_SLO_MS);
        let (min, max) = MAX_COST_USD_MICROS;
        let cost = micros(self.max_cost_usd_micros, self.max_cost_usd)?;
        let too_long = |text: &String| text.chars().count() > CONTEXT_REF_CHARS_MAX;
        if self.context_refs.len() > CONTEXT_REFS_MAX || self.context_refs.iter().any(too_long) {
            return Err(format!(
                "context_refs holds at most {CONTEXT_REFS_MAX} texts of {CONTEXT_REF_CHARS_MAX} characters"
            ));
        }
        let messages = match (self.prompt, self.messages, self.text) {
            (Some(prompt), _, _) | (None, None, Some(prompt)) => vec![prompt_message(prompt)?],
            (None, Some(messages), _) if !messages.is_empty() => messages
                .into_iter()
                .map(WireMessage::check)
                .collect::<Result<_, _>>()?,
            (None, _, _) => return Err("give one of prompt, messages and text".to_owned()),
        };
        let content = Content {
            messages,
            model: self.model,
            max_tokens,
            quality: self.quality,
            temperature: self.temperature,
            top_p: self.top_p,
            stop: match self.stop {
                Some(Stop::One(stop)) => vec![stop],
                Some(Stop::Many(stops)) => stops,
                None => Vec::new(),
            },
            tools: raw(self.tools),
            tool_choice: raw(self.tool_choice),
            response_format: raw(self.response_format),
        };
        Ok(Request {
            max_cost_usd_micros: cost
                .map(|n| within("max_cost_usd_micros", n, min, max))
                .transpose()?,
            latency_slo_ms: within(
                "latency_slo_ms",
                slo,
                LATENCY_SLO_BOUNDS_MS.0,
                LATENCY_SLO_BOUNDS_MS.1,
            )?,
            stream: self.stream,
            conversation_id: self.conversation_id,
            turn_id: self.turn_id,
            context_refs: self.context_refs,
            tenant: self.tenant,
            consistency: self.consistency_level,
            ..Request::of(content)
        })
    }
}

impl WireMessage {
    fn check(self) -> Result<Message, String> {
        let content = match self.content {
            Some(serde_json::Value::String(text)) => MessageContent::Text(text),
            Some(serde_json::Value::Array(parts)) => {
                MessageContent::Parts(to_raw_value(&parts).map_err(|error| error.to_string())?)
            }
            None => MessageContent::None(()),
            Some(_) => return Err("messages.content must be a text or a list of parts".to_owned()),
        };
        Ok(Message {
            role: self.role,
            content,
            name: self.name,
            tool_calls: raw(self.tool_calls),
            tool_call_id: self.tool_call_id,
        })
    }
}

fn prompt_message(prompt: String) -> Result<Message, String> {
    within(
        "length of the prompt in characters",
        prompt.chars().count(),
        1,
        PROMPT_CHARS_MAX,
    )?;
    Ok(Message {
        role: Role::User,
        content: MessageContent::Text(prompt),
        name: None,
        tool_calls: None,
        tool_call_id: None,
    })
}

fn raw(json: Option<serde_json::Value>) -> Option<Box<RawValue>> {
    json.map(|json| to_raw_value(&json).expect("a JSON value always serialises"))
}

#[cfg(test)]
mod tests;
