//! The one shape every surface turns its requests into (design section 4, "A request").

mod demand;

use std::sync::Arc;

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::ids::{AccountId, PersonaId, RequestId, SessionId, StreamId, TenantId};
use crate::units::{Amount, Tier, Window};

pub use demand::Demand;

/// Whose protocol a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI chat completions.
    OpenAiChat,
    /// OpenAI embeddings.
    OpenAiEmbeddings,
    /// Anthropic Messages.
    AnthropicMessages,
    /// ATP `agent.request` content.
    Atp,
}

/// Who asks, as far as the credential proves it. Nothing here comes from the request's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The credential's tenant.
    pub tenant: TenantId,
    /// The account the credential spends from; its ancestors are the ledger's business. `None` where nothing is accounted
    /// for, because the node serves without credentials.
    pub account: Option<AccountId>,
    /// Best tier the credential may ask for.
    pub tier_max: Tier,
    /// Data-scope labels the tenant may handle; `None` allows all.
    pub data_scopes: Option<Arc<[String]>>,
    /// May use the admin endpoints.
    pub is_admin: bool,
    /// May dial in as an agent.
    pub may_declare_agents: bool,
}

impl Identity {
    /// A plain caller: every tier, every data scope, neither admin nor agent.
    #[must_use]
    pub fn new(tenant: TenantId, account: Option<AccountId>) -> Self {
        Self {
            tenant,
            account,
            tier_max: Tier::Gold,
            data_scopes: None,
            is_admin: false,
            may_declare_agents: false,
        }
    }
}

/// Latency hoped for where the client says nothing, in milliseconds (atp.md 7.2).
pub const LATENCY_SLO_MS: u64 = 2_000;

/// Time a request is given where nobody says otherwise, in milliseconds (atp.md section 19).
pub const DEADLINE_MS: u64 = 120_000;

/// A request on its way through the router.
///
/// Cheap to clone: the content is shared. `native` is present when the client speaks a provider's protocol and holds the
/// body as received, so that an adapter of the same protocol can forward what it does not understand.
#[derive(Debug, Clone)]
pub struct AgentRequest {
    /// Names the hold, the settlement and the decision record.
    pub id: RequestId,
    /// Who asks.
    pub identity: Identity,
    /// Session the request belongs to; minted by the router when the client names none.
    pub session: SessionId,
    /// Stream inside the session.
    pub stream: StreamId,
    /// Tier asked for, not above `identity.tier_max`.
    pub tier: Tier,
    /// The client's window from its SYN; `None` on surfaces without one.
    pub window: Option<Window>,
    /// What policy matches on.
    pub meta: TaskMeta,
    /// What is to be done.
    pub content: Arc<Content>,
    /// The body as received, when the client speaks a provider's protocol.
    pub native: Option<NativeBody>,
    /// Whether the client wants chunks as they come.
    pub wants_stream: bool,
    /// Answers wanted to the same question; output costs as many times as much. At least 1.
    pub choices: u64,
    /// Most the request may cost in micro-dollars, if the client said so.
    pub max_cost_usd_micros: Option<u64>,
    /// Most it may use in all, what is added while it runs included; no policy lets it give way.
    pub budget: Amount,
    /// Time left for the whole request in milliseconds.
    pub deadline_ms: u64,
    /// Latency the client hopes for, in milliseconds.
    pub latency_slo_ms: u64,
    /// Echoed to the client as `x-correlation-id`.
    pub correlation_id: Arc<str>,
}

impl AgentRequest {
    /// One answer in one piece, at silver; session, stream and correlation are called like the request.
    ///
    /// # Panics
    /// Never: a request id is a valid session and stream id.
    #[must_use]
    pub fn new(id: RequestId, identity: Identity, content: Content) -> Self {
        Self {
            identity,
            session: SessionId::new(id.as_str()).expect("a request id is a valid session id"),
            stream: StreamId::new(id.as_str()).expect("a request id is a valid stream id"),
            tier: Tier::Silver,
            window: None,
            meta: TaskMeta::default(),
            content: Arc::new(content),
            native: None,
            wants_stream: false,
            choices: 1,
            max_cost_usd_micros: None,
            budget: Amount::UNLIMITED,
            deadline_ms: DEADLINE_MS,
            latency_slo_ms: LATENCY_SLO_MS,
            correlation_id: id.as_str().into(),
            id,
        }
    }
}

/// A provider body as received.
#[derive(Debug, Clone)]
pub struct NativeBody {
    /// Whose protocol it is.
    pub dialect: Dialect,
    /// The bytes; valid JSON, an object.
    pub bytes: Bytes,
}

/// Task metadata (atp.md 3.3). Absent lists are empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskMeta {
    /// Policy match key, e.g. `code_review`.
    pub task_type: Option<String>,
    /// Languages of the material.
    pub languages: Vec<String>,
    /// Free text, usually `low`, `medium` or `high`.
    pub risk: Option<String>,
    /// Labels every chosen adapter must be allowed to see.
    pub data_scope: Vec<String>,
    /// Tools the work may call.
    pub tool_permissions: Vec<String>,
    /// Sandbox id; never trusted for tenancy.
    pub environment_id: Option<String>,
    /// Security groups of the caller.
    pub security_groups: Vec<String>,
    /// Makes a repeat of the request recognisable within the tenant (atp.md 13.3).
    pub idempotency_key: Option<String>,
    /// W3C `traceparent`, if the client sent one.
    pub traceparent: Option<String>,
    /// Personas of a parallel request (atp.md 19.2); empty leaves the choice to policy.
    pub personas: Vec<PersonaRequest>,
    /// The client also wants each lane's own output.
    pub expose_lanes: bool,
    /// Reconciliation strategy asked for (atp.md section 20).
    pub reconciliation: Option<String>,
    /// Every other member, available to policy, as JSON scalars or lists.
    pub other: Vec<(String, serde_json::Value)>,
}

/// One member of `meta.personas`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaRequest {
    /// The persona wanted.
    pub persona_id: PersonaId,
    /// How many clones of it; 1 to 8.
    #[serde(default = "one")]
    pub count: u32,
    /// Tier of its lanes, else the request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<Tier>,
    /// Base weight of its lanes in reconciliation, else 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

const fn one() -> u32 {
    1
}

/// How much care the answer deserves; maps to a tier where none is given (atp.md 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Bronze unless a tier is given.
    #[serde(alias = "low", alias = "speed")]
    Fast,
    /// Silver unless a tier is given.
    #[default]
    Balanced,
    /// Gold unless a tier is given.
    #[serde(alias = "quality")]
    High,
}

/// The work itself, in the canonical chat shape (atp.md 7.2 `agent.request`).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Content {
    /// The conversation, oldest first; a bare prompt is one `user` message.
    pub messages: Vec<Message>,
    /// What the client named as `model`: a provider model, persona, adapter, agent prefix, `auto` or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Most output tokens, if the client said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Care the answer deserves.
    #[serde(default)]
    pub quality: Quality,
    /// Passed through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Passed through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Passed through: texts at which generation ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Passed through, in the OpenAI shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Box<RawValue>>,
    /// Passed through, in the OpenAI shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<Box<RawValue>>,
    /// Passed through, in the OpenAI shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Box<RawValue>>,
}

/// One turn of the conversation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said; parts other than text stay opaque.
    pub content: MessageContent,
    /// Name of the speaker or tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Calls an assistant turn made, in the OpenAI shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Box<RawValue>>,
    /// The call a `tool` turn answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A turn that neither calls tools nor answers a call.
    #[must_use]
    pub const fn new(role: Role, content: MessageContent) -> Self {
        Self {
            role,
            content,
            name: None,
            tool_calls: None,
            tool_call_id: None,
        }
    }
}

/// Speaker of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions.
    #[serde(alias = "developer")]
    System,
    /// The caller.
    User,
    /// The model.
    Assistant,
    /// A tool's answer.
    Tool,
    /// A function's answer, the older form of [`Role::Tool`].
    Function,
}

/// What a turn says.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum MessageContent {
    /// Plain text.
    Text(String),
    /// Typed parts in the OpenAI shape (`text`, `image_url`, …), opaque beyond their text.
    Parts(Box<RawValue>),
    /// No text, as on assistant turns that only call tools.
    None(()),
}

impl<'de> Deserialize<'de> for MessageContent {
    /// By its first byte: an untagged enum would be buffered, from which raw JSON cannot be taken. JSON only, in which turns are
    /// written.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match raw.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw.get())
                .map(Self::Text)
                .map_err(D::Error::custom),
            Some(b'[') => Ok(Self::Parts(raw)),
            Some(b'n') => Ok(Self::None(())),
            _ => Err(D::Error::custom(
                "content must be a string, a list of parts or null",
            )),
        }
    }
}

impl Content {
    /// A single user turn.
    #[must_use]
    pub fn prompt(text: impl Into<String>) -> Self {
        Self {
            messages: vec![Message::new(Role::User, MessageContent::Text(text.into()))],
            ..Self::default()
        }
    }

    /// Bytes of text in all turns, opaque parts at their encoded size: what fallback estimates divide by four.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.messages
            .iter()
            .map(|message| match &message.content {
                MessageContent::Text(text) => text.len(),
                MessageContent::Parts(raw) => raw.get().len(),
                MessageContent::None(()) => 0,
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_every_shape_is_read_back_as_it_was_written() {
        let turns = [
            r#"{"role":"user","content":"a \"b\""}"#,
            r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}}]}"#,
            r#"{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]}"#,
        ];
        for turn in turns {
            let read: Message = serde_json::from_str(turn).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), turn);
        }
        let shapes = turns.map(|turn| serde_json::from_str::<Message>(turn).unwrap().content);
        assert!(matches!(
            &shapes,
            [
                MessageContent::Text(text),
                MessageContent::Parts(_),
                MessageContent::None(())
            ] if text == "a \"b\""
        ));
        for content in ["1", "true", "{}"] {
            let turn = format!(r#"{{"role":"user","content":{content}}}"#);
            assert!(serde_json::from_str::<Message>(&turn).is_err(), "{content}");
        }
    }
}
