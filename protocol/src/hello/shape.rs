//! `control.hello` and `control.hello_ack` (atp.md 8.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::{Tier, Window};

/// What a peer proposes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Versions, newest first; empty means `1.0`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// One version, the older spelling; ignored where there are `versions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `json`, `cbor`, in order of preference.
    pub encodings: Vec<String>,
    /// `deflate`, `zstd`.
    #[serde(default)]
    pub compressions: Vec<String>,
    /// See atp.md 8.3.
    #[serde(default)]
    pub features: Features,
    /// Tiers in order of preference; empty means silver.
    #[serde(default)]
    pub qos: Vec<String>,
    /// What the peer is.
    #[serde(default)]
    pub role: Role,
    /// Wanted heartbeat interval in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hb_interval_ms: Option<u64>,
    /// Wanted idle time before a stream is closed, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_fin_ms: Option<u64>,
    /// Largest frame the peer takes, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_frame_bytes: Option<u64>,
    /// Largest message the peer takes, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_message_bytes: Option<u64>,
    /// The peer's library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdk: Option<Sdk>,
}

/// A client library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sdk {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
}

/// What a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sends work.
    #[default]
    Client,
    /// Does work.
    Agent,
    /// Another router; needs mutual TLS.
    Router,
}

/// Features by name, in one of two shapes; the answer has the shape of the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Features {
    /// Names wanted, in order.
    List(Vec<String>),
    /// Names with a yes or no.
    Map(BTreeMap<String, bool>),
}

impl Default for Features {
    fn default() -> Self {
        Self::Map(BTreeMap::new())
    }
}

impl Features {
    /// Whether `name` is wanted or agreed.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::List(list) => list.iter().any(|feature| feature == name),
            Self::Map(map) => map.get(name) == Some(&true),
        }
    }

    /// All but those of `names`.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        match &mut self {
            Self::List(list) => list.retain(|feature| !names.contains(&feature.as_str())),
            Self::Map(map) => map.retain(|feature, _| !names.contains(&feature.as_str())),
        }
        self
    }
}

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HelloAck {
    /// The router's version.
    pub version: String,
    /// `json` or `cbor`.
    pub encoding: String,
    /// `deflate`, `zstd` or `null` for none.
    pub compression: Option<String>,
    /// In the shape they were asked for.
    pub features: Features,
    /// The connection's tier where a frame names none.
    pub qos: Tier,
    /// Tiers the identity may use.
    pub qos_allowed: Vec<Tier>,
    /// The session, minted if the peer asked for one.
    pub session_id: String,
    /// Heartbeat interval in milliseconds.
    pub hb_interval_ms: u64,
    /// Idle time before a stream is closed, in milliseconds.
    pub idle_fin_ms: u64,
    /// Largest frame either side sends, in bytes.
    pub max_frame_bytes: u64,
    /// Largest message either side sends, in bytes.
    pub max_message_bytes: u64,
    /// The first grant.
    pub window: Window,
    /// Who answers.
    pub router_id: String,
    /// The router's clock in Unix milliseconds.
    pub server_time: u64,
    /// How long a lost connection may be resumed, in milliseconds; 0 if it may not.
    pub resume_ttl_ms: u64,
    /// Compliance level the router announces (atp.md section 24).
    pub level: u8,
}
