//! What a policy may ask of a request: a fixed set of attributes, each of one type, and those a document declares.

use std::collections::BTreeMap;
use std::sync::Arc;

use atp_protocol::request::{AgentRequest, Quality};
use serde_json::Value as Json;

/// The type of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word; `|` separates alternatives.
    Text,
    /// A word that names something, so globs are allowed.
    Name,
    /// A finite number.
    Number,
    /// True or false.
    Flag,
    /// Words, asked for with `_any`, `_all` and `_not`.
    List,
}

impl Kind {
    pub(super) const WORDS: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("name", Self::Name),
        ("number", Self::Number),
        ("flag", Self::Flag),
        ("list", Self::List),
    ];
}

macro_rules! built_in {
    ($($variant:ident = $name:literal: $kind:ident),+ $(,)?) => {
        /// Where the value of an attribute is found.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Source {
            $($variant,)+
            /// A member of `meta` beyond the typed ones.
            Other(Arc<str>),
        }

        /// Names, sources and types of the attributes every document may use.
        const BUILT_IN: &[(&str, Source, Kind)] = &[$(($name, Source::$variant, Kind::$kind)),+];
    };
}

built_in! {
    TaskType = "task_type": Text,
    Tenant = "tenant": Name,
    Account = "account": Name,
    Qos = "qos": Text,
    Quality = "quality": Text,
    Risk = "risk": Text,
    EnvironmentId = "environment_id": Name,
    Model = "model": Name,
    Region = "region": Name,
    Languages = "languages": List,
    DataScope = "data_scope": List,
    ToolPermissions = "tool_permissions": List,
    SecurityGroups = "security_groups": List,
    Personas = "personas": List,
    PromptTokens = "prompt_tokens": Number,
    MaxTokens = "max_tokens": Number,
    MaxCostUsd = "max_cost_usd": Number,
    LatencySloMs = "latency_slo_ms": Number,
    DeadlineMs = "deadline_ms": Number,
    Stream = "stream": Flag,
    Tools = "tools": Flag,
}

/// Members of `meta` that are common enough to need no declaration.
const CUSTOMARY: &[(&str, Kind)] = &[("repo_risk", Kind::Text), ("diff_loc", Kind::Number)];

/// The attributes a document may use: the built-in ones and those under its `attributes`.
#[derive(Debug)]
pub(super) struct Schema {
    attributes: BTreeMap<Arc<str>, (Source, Kind)>,
}

impl Schema {
    pub(super) fn new(declared: impl IntoIterator<Item = (Arc<str>, Kind)>) -> Self {
        let customary = CUSTOMARY.iter().map(|&(name, kind)| (Arc::from(name), kind));
        let mut attributes: BTreeMap<Arc<str>, (Source, Kind)> = customary
            .chain(declared)
            .map(|(name, kind)| (Arc::clone(&name), (Source::Other(name), kind)))
            .collect();
        for (name, source, kind) in BUILT_IN {
            attributes.insert(Arc::from(*name), (source.clone(), *kind));
        }
        Self { attributes }
    }

    pub(super) fn get(&self, name: &str) -> Option<(&Source, Kind)> {
        self.attributes.get(name).map(|(source, kind)| (source, *kind))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.attributes.keys().map(AsRef::as_ref)
    }

    pub(super) fn is_built_in(name: &str) -> bool {
        BUILT_IN.iter().any(|(have, ..)| *have == name)
    }
}

/// A request as policies see it. Borrows; building it costs nothing.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    request: &'a AgentRequest,
    region: &'a str,
    prompt_tokens: u64,
}

/// The value of an attribute. A number that JSON cannot give as finite binary64 has no value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(f64),
    Flag(bool),
    List(List<'a>),
}

/// A list of words, wherever they are kept.
#[derive(Debug, Clone, Copy)]
pub(super) enum List<'a> {
    Strings(&'a [String]),
    Json(&'a [Json]),
    Request(&'a AgentRequest),
}

impl<'a> List<'a> {
    /// Whether `is_wanted` holds for one of the words; items that are no words are passed over.
    pub(super) fn any(self, mut is_wanted: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::Strings(items) => items.iter().any(|item| is_wanted(item)),
            Self::Json(items) => items.iter().filter_map(Json::as_str).any(is_wanted),
            Self::Request(request) => request
                .meta
                .personas
                .iter()
                .any(|persona| is_wanted(persona.persona_id.as_str())),
        }
    }
}

impl<'a> Attributes<'a> {
    /// `region`: the region of the deciding node.
    #[must_use]
    pub fn new(request: &'a AgentRequest, region: &'a str) -> Self {
        Self {
            request,
            region,
            prompt_tokens: (request.content.text_bytes() as u64).div_ceil(4),
        }
    }

    /// Tokens of the prompt, estimated at four bytes each (atp.md 17.1).
    #[must_use]
    pub const fn prompt_tokens(&self) -> u64 {
        self.prompt_tokens
    }

    pub(super) fn value(&self, source: &Source) -> Option<Value<'a>> {
        let request = self.request;
        let meta = &request.meta;
        let number = |value: u64| Some(Value::Number(value as f64));
        match source {
            Source::TaskType => meta.task_type.as_deref().map(Value::Text),
            Source::Tenant => Some(Value::Text(request.identity.tenant.as_str())),
            Source::Account => request
                .identity
                .account
                .as_ref()
                .map(|id| Value::Text(id.as_str())),
            Source::Qos => Some(Value::Text(request.tier.as_str())),
            Source::Quality => Some(Value::Text(quality(request.content.quality))),
            Source::Risk => meta.risk.as_deref().map(Value::Text),
            Source::EnvironmentId => meta.environment_id.as_deref().map(Value::Text),
            Source::Model => request.content.model.as_deref().map(Value::Text),
            Source::Region => Some(Value::Text(self.region)),
            Source::Languages => Some(Value::List(List::Strings(&meta.languages))),
            Source::DataScope => Some(Value::List(List::Strings(&meta.data_scope))),
            Source::ToolPermissions => Some(Value::List(List::Strings(&meta.tool_permissions))),
            Source::SecurityGroups => Some(Value::List(List::Strings(&meta.security_groups))),
            Source::Personas => Some(Value::List(List::Request(request))),
            Source::PromptTokens => number(self.prompt_tokens),
            Source::MaxTokens => request.content.max_tokens.and_then(number),
            Source::MaxCostUsd => request
                .max_cost_usd_micros
                .map(|micros| Value::Number(micros as f64 / 1e6)),
            Source::LatencySloMs => number(request.latency_slo_ms),
            Source::DeadlineMs => number(request.deadline_ms),
            Source::Stream => Some(Value::Flag(request.wants_stream)),
            Source::Tools => Some(Value::Flag(request.content.tools.is_some())),
            Source::Other(name) => meta
                .other
                .iter()
                .find(|(have, _)| **have == **name)
                .and_then(|(_, value)| json(value)),
        }
    }
}

const fn quality(quality: Quality) -> &'static str {
    match quality {
        Quality::Fast => "fast",
        Quality::Balanced => "balanced",
        Quality::High => "high",
    }
}

fn json(value: &Json) -> Option<Value<'_>> {
    match value {
        Json::String(text) => Some(Value::Text(text)),
        Json::Number(number) => number.as_f64().filter(|n| n.is_finite()).map(Value::Number),
        Json::Bool(flag) => Some(Value::Flag(*flag)),
        Json::Array(items) => Some(Value::List(List::Json(items))),
        Json::Null | Json::Object(_) => None,
    }
}
