//! Selection (atp.md 8.2).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{Agreed, Features, Hello, Role};
use crate::error::{Code, Fault, Scope};
use crate::limits::Limits;
use crate::units::Tier;

/// Heartbeat intervals a peer may ask for, in milliseconds.
pub const HB_INTERVAL_MS: RangeInclusive<u64> = 1_000..=60_000;

/// Heartbeat interval of a peer that asks for none.
pub const HB_INTERVAL_MS_DEFAULT: u64 = 5_000;

/// Longest idle time a peer may ask for, in milliseconds; the shortest is three heartbeats.
pub const IDLE_FIN_MS_MAX: u64 = 600_000;

/// Idle time of a peer that asks for none.
pub const IDLE_FIN_MS_DEFAULT: u64 = 30_000;

/// The least a peer can make of the sizes, in bytes: below it ordinary frames would not fit.
const SIZE_MIN: usize = 64 * 1024;

/// What the router has.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Its version.
    pub version: String,
    /// Encodings, in any order.
    pub encodings: Vec<String>,
    /// Compressions, in order of preference.
    pub compressions: Vec<String>,
    /// Features with a yes or no.
    pub features: BTreeMap<String, bool>,
    /// Tiers the identity may use, best first.
    pub qos_allowed: Vec<Tier>,
    /// What peers may be.
    pub roles: Vec<Role>,
    /// Sizes.
    pub limits: Limits,
}

/// Why no terms were found. The connection closes with 1002.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No version of the same major.
    #[error("negotiation_failed: no common version; offer one of the router's major")]
    Version,
    /// No encoding in common.
    #[error("negotiation_failed: no common encoding; offer json or cbor")]
    Encoding,
    /// Tiers were asked for, but none that the identity may use.
    #[error("negotiation_failed: no tier asked for is allowed; leave qos empty for the default")]
    Qos,
    /// A router where there are no links to other routers, or without its certificate.
    #[error(
        "negotiation_failed: role router needs a link with mutual TLS, which is not offered here; be client or agent"
    )]
    Role,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::new(Code::Proto, refusal.to_string()).scoped(Scope::Connection)
    }
}

/// Finds the terms of a connection.
///
/// # Errors
/// The first of version, encoding, tier and role that cannot be agreed on.
pub fn negotiate(hello: &Hello, offer: &Offer) -> Result<Agreed, Refusal> {
    if !hello
        .versions()
        .any(|version| major(version) == major(&offer.version))
    {
        return Err(Refusal::Version);
    }
    let encoding = first_common(&hello.encodings, &offer.encodings).ok_or(Refusal::Encoding)?;
    let qos = tier(&hello.qos, &offer.qos_allowed)?;
    if !offer.roles.contains(&hello.role) {
        return Err(Refusal::Role);
    }
    let hb_interval_ms = hello
        .hb_interval_ms
        .unwrap_or(HB_INTERVAL_MS_DEFAULT)
        .clamp(*HB_INTERVAL_MS.start(), *HB_INTERVAL_MS.end());
    let idle_fin_ms = hello.idle_fin_ms.unwrap_or(IDLE_FIN_MS_DEFAULT);
    Ok(Agreed {
        version: offer.version.clone(),
        encoding,
        compression: first_common(&offer.compressions, &hello.compressions),
        features: features(&hello.features, &offer.features),
        qos,
        role: hello.role,
        hb_interval_ms,
        idle_fin_ms: idle_fin_ms.clamp(3 * hb_interval_ms, IDLE_FIN_MS_MAX),
        frame_bytes: smaller(hello.max_frame_bytes, offer.limits.frame_bytes),
        message_bytes: smaller(hello.max_message_bytes, offer.limits.message_bytes),
        has_hello: true,
    })
}

impl Hello {
    /// The versions offered, whichever way they were spelt.
    fn versions(&self) -> impl Iterator<Item = &str> {
        let old = self.version.as_deref().unwrap_or("1.0");
        let one = self.versions.is_empty().then_some(old);
        self.versions.iter().map(String::as_str).chain(one)
    }
}

/// The major of `1.4`; `None` never equals the router's, which has one.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// The first of `preferred` that is in `available` too.
fn first_common(preferred: &[String], available: &[String]) -> Option<String> {
    preferred.iter().find(|name| available.contains(name)).cloned()
}

fn features(asked: &Features, has: &BTreeMap<String, bool>) -> Features {
    match asked {
        Features::List(list) => Features::List(
            list.iter()
                .filter(|name| has.get(*name) == Some(&true))
                .cloned()
                .collect(),
        ),
        Features::Map(map) => Features::Map(
            map.iter()
                .filter_map(|(name, wanted)| Some((name.clone(), *wanted && *has.get(name)?)))
                .collect(),
        ),
    }
}

fn tier(asked: &[String], allowed: &[Tier]) -> Result<Tier, Refusal> {
    let is_allowed = |tier: &Tier| allowed.contains(tier);
    if asked.is_empty() {
        // not above silver, so that nobody pays for gold by saying nothing
        let default = [Tier::Silver, Tier::Bronze].into_iter().find(is_allowed);
        return default.or_else(|| allowed.first().copied()).ok_or(Refusal::Qos);
    }
    asked
        .iter()
        .filter_map(|name| Tier::parse(name))
        .find(is_allowed)
        .ok_or(Refusal::Qos)
}

fn smaller(proposed: Option<u64>, own: usize) -> usize {
    let proposed = proposed
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(own);
    proposed.max(SIZE_MIN).min(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hello::Feature;
    use crate::payload::Kind;

    fn offer() -> Offer {
        Offer {
            version: "1.1".to_owned(),
            encodings: vec!["json".to_owned(), "cbor".to_owned()],
            compressions: vec!["zstd".to_owned(), "deflate".to_owned()],
            features: [
                ("nack".to_owned(), true),
                ("resume".to_owned(), true),
                ("lean".to_owned(), false),
            ]
            .into(),
            qos_allowed: vec![Tier::Silver, Tier::Bronze],
            roles: vec![Role::Client, Role::Agent],
            limits: Limits::DEFAULT,
        }
    }

    fn hello() -> Hello {
        Hello {
            versions: Vec::new(),
            version: None,
            encodings: vec!["cbor".to_owned()],
            compressions: Vec::new(),
            features: Features::default(),
            qos: Vec::new(),
            role: Role::Client,
            hb_interval_ms: None,
            idle_fin_ms: None,
            max_frame_bytes: None,
            max_message_bytes: None,
            sdk: None,
        }
    }

    #[test]
    fn what_is_not_proposed_takes_the_defaults() {
        let agreed = negotiate(&hello(), &offer()).unwrap();
        assert_eq!((agreed.hb_interval_ms, agreed.idle_fin_ms), (5_000, 30_000));
        assert_eq!(
            (agreed.version.as_str(), agreed.encoding.as_str()),
            ("1.1", "cbor")
        );
        assert_eq!((agreed.qos, agreed.compression), (Tier::Silver, None));
        assert_eq!(agreed.frame_bytes, Limits::DEFAULT.frame_bytes);
    }

    #[test]
    fn proposals_are_kept_within_their_ranges() {
        let greedy = Hello {
            hb_interval_ms: Some(100),
            idle_fin_ms: Some(u64::MAX),
            max_frame_bytes: Some(u64::MAX),
            max_message_bytes: Some(1),
            ..hello()
        };
        let agreed = negotiate(&greedy, &offer()).unwrap();
        assert_eq!((agreed.hb_interval_ms, agreed.idle_fin_ms), (1_000, 600_000));
        assert_eq!(
            (agreed.frame_bytes, agreed.message_bytes),
            (1024 * 1024, 64 * 1024)
        );
        let slow = Hello {
            hb_interval_ms: Some(60_000),
            idle_fin_ms: Some(1),
            ..hello()
        };
        assert_eq!(negotiate(&slow, &offer()).unwrap().idle_fin_ms, 180_000);
    }

    #[test]
    fn refusals_name_what_cannot_be_agreed_on() {
        let two = Hello {
            versions: vec!["2.0".to_owned(), "x".to_owned()],
            ..hello()
        };
        assert_eq!(negotiate(&two, &offer()), Err(Refusal::Version));
        let xml = Hello {
            encodings: vec!["xml".to_owned()],
            ..hello()
        };
        assert_eq!(negotiate(&xml, &offer()), Err(Refusal::Encoding));
        let gold = Hello {
            qos: vec!["gold".to_owned(), "platinum".to_owned()],
            ..hello()
        };
        assert_eq!(negotiate(&gold, &offer()), Err(Refusal::Qos));
        let router = Hello {
            role: Role::Router,
            ..hello()
        };
        assert_eq!(negotiate(&router, &offer()), Err(Refusal::Role));
        let older = Hello {
            versions: vec!["2.0".to_owned(), "1.0".to_owned()],
            ..hello()
        };
        assert!(negotiate(&older, &offer()).is_ok());
    }

    #[test]
    fn features_are_answered_in_the_shape_they_were_asked_in() {
        let list = Features::List(["resume", "lean", "x", "nack"].map(str::to_owned).to_vec());
        let agreed = negotiate(
            &Hello {
                features: list,
                ..hello()
            },
            &offer(),
        )
        .unwrap();
        assert_eq!(
            agreed.features,
            Features::List(vec!["resume".to_owned(), "nack".to_owned()])
        );
        assert!(agreed.has(Feature::Nack) && !agreed.has(Feature::Lean));
        let map = [("nack", true), ("resume", false), ("lean", true), ("x", true)];
        let map = Features::Map(map.map(|(name, wanted)| (name.to_owned(), wanted)).into());
        let agreed = negotiate(
            &Hello {
                features: map,
                ..hello()
            },
            &offer(),
        )
        .unwrap();
        let wanted = [("nack", true), ("resume", false), ("lean", false)];
        assert_eq!(
            agreed.features,
            Features::Map(wanted.map(|(name, yes)| (name.to_owned(), yes)).into())
        );
    }

    #[test]
    fn payloads_a_peer_did_not_ask_for_are_not_sent() {
        let agreed = Agreed::baseline(Role::Client, &Limits::DEFAULT);
        assert!(!agreed.may_send(Kind::AgentProvisional));
        assert!(agreed.may_send(Kind::WindowUpdate));
        assert!(agreed.may_send(Kind::AgentFinal));
    }
}
