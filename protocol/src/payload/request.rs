//! `agent.request` (atp.md 7.2).

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::money::micros;
use super::read::{bad, within};
use crate::error::Fault;
use crate::request::{Content, Message, MessageContent, Quality, Role};
use crate::units::Tier;
use crate::value::Value;

/// Output tokens of a request that names no limit.
pub const MAX_TOKENS_DEFAULT: u64 = 512;

const LATENCY_SLO_MS: (u64, u64) = (100, 30_000);
const LATENCY_SLO_MS_DEFAULT: u64 = 2_000;
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
#[serde(untagged)]
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
    const fn of(content: Content) -> Self {
        Self {
            content,
            max_cost_usd_micros: None,
            latency_slo_ms: LATENCY_SLO_MS_DEFAULT,
            stream: None,
            conversation_id: None,
            turn_id: None,
            context_refs: Vec::new(),
            tenant: None,
            consistency: Consistency::Eventual,
        }
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
        let max_tokens = self
            .max_tokens
            .map(|n| within("max_tokens", n, 1, u64::MAX))
            .transpose()?;
        let slo = self.latency_slo_ms.unwrap_or(LATENCY_SLO_MS_DEFAULT);
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
        };
        Ok(Request {
            max_cost_usd_micros: cost
                .map(|n| within("max_cost_usd_micros", n, min, max))
                .transpose()?,
            latency_slo_ms: within("latency_slo_ms", slo, LATENCY_SLO_MS.0, LATENCY_SLO_MS.1)?,
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
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::value::json;

    fn read(text: &str) -> Result<Request, Fault> {
        Request::read(&json::parse(text, &Limits::DEFAULT).unwrap())
    }

    fn prompt(request: &Request) -> &str {
        match &request.content.messages[..] {
            [
                Message {
                    role: Role::User,
                    content: MessageContent::Text(text),
                    ..
                },
            ] => text,
            other => panic!("not one user turn: {other:?}"),
        }
    }

    #[test]
    fn a_prompt_comes_in_four_spellings() {
        for text in [
            r#""hi""#,
            r#"{"prompt":"hi"}"#,
            r#"{"text":"hi"}"#,
            r#"{"messages":[{"role":"user","content":"hi"}]}"#,
        ] {
            assert_eq!(prompt(&read(text).unwrap()), "hi", "{text}");
        }
    }

    #[test]
    fn what_is_not_said_takes_its_default() {
        let request = read(r#"{"prompt":"x"}"#).unwrap();
        assert_eq!(request.latency_slo_ms, 2_000);
        assert_eq!(request.content.quality, Quality::Balanced);
        assert_eq!(
            (
                request.content.max_tokens,
                request.max_cost_usd_micros,
                request.stream
            ),
            (None, None, None)
        );
    }

    #[test]
    fn ranges_are_kept() {
        for wrong in [
            "null",
            "{}",
            r#"{"prompt":""}"#,
            r#"{"messages":[]}"#,
            r#"{"messages":[{"role":"wizard","content":"x"}]}"#,
            r#"{"messages":[{"role":"user","content":7}]}"#,
            r#"{"prompt":"x","max_tokens":0}"#,
            r#"{"prompt":"x","max_tokens":1.0}"#,
            r#"{"prompt":"x","latency_slo_ms":99}"#,
            r#"{"prompt":"x","latency_slo_ms":30001}"#,
            r#"{"prompt":"x","max_cost_usd":0.0009}"#,
            r#"{"prompt":"x","max_cost_usd":10.01}"#,
            r#"{"prompt":"x","quality":"best"}"#,
            r#"{"prompt":"x","consistency_level":"STRICT"}"#,
        ] {
            let fault = read(wrong).unwrap_err();
            assert_eq!(fault.code, crate::error::Code::BadInput, "{wrong}");
            assert_eq!(fault.scope, crate::error::Scope::Message, "{wrong}");
        }
        assert_eq!(
            read(r#"{"prompt":"x","max_cost_usd":0.001}"#)
                .unwrap()
                .max_cost_usd_micros,
            Some(1_000)
        );
        assert!(read(&format!("{{\"prompt\":\"{}\"}}", "é".repeat(100_001))).is_err());
        assert!(
            read(&format!(
                "{{\"prompt\":\"x\",\"context_refs\":[\"{}\"]}}",
                "r".repeat(201)
            ))
            .is_err()
        );
    }

    #[test]
    fn opaque_parts_pass_through() {
        let request = read(
            r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c"}]},
               {"role":"tool","content":[{"type":"text","text":"t"}],"tool_call_id":"c"}],
               "tools":[{"type":"function"}],"tool_choice":"auto","stop":"END","quality":"low"}"#,
        )
        .unwrap();
        assert_eq!(request.content.quality, Quality::Fast);
        assert_eq!(request.content.stop, ["END"]);
        assert_eq!(request.content.tools.unwrap().get(), r#"[{"type":"function"}]"#);
        assert_eq!(request.content.tool_choice.unwrap().get(), r#""auto""#);
        assert!(matches!(
            request.content.messages[0].content,
            MessageContent::None(())
        ));
        let MessageContent::Parts(parts) = &request.content.messages[1].content else {
            panic!("parts stay parts")
        };
        assert_eq!(parts.get(), r#"[{"text":"t","type":"text"}]"#);
    }
}
