//! What a node says of itself, as keys and values of JSON. Unknown keys and members are passed over, so that releases can be mixed.

use std::collections::BTreeMap;

use atp_actors::adapter::AdapterName;
use atp_protocol::adapter;
use atp_protocol::cluster::{GroupId, NodeId};
use atp_protocol::ids::{AdapterId, TenantId};
use serde::{Deserialize, Serialize};

/// Adapters a node tells of.
const MOST_ADAPTERS: usize = 256;

/// Longest value in bytes; a longer one is not told.
const LONGEST: usize = 1_024;

/// Longest reason why a lane does not stand, in bytes; a longer one is cut.
const TROUBLE_MAX: usize = 256;

const NODE: &str = "node";
const LANE: &str = "lane:";
const ADAPTER: &str = "adapter:";

/// What a node says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Its release; empty while it starts.
    pub version: String,
    /// How it is.
    pub health: Health,
    /// It takes no new work, or leaves to others what it leads.
    pub is_draining: bool,
    /// Streams it runs, of those it runs at once, in thousandths; above 1 000 some wait.
    pub load: u32,
    /// Streams it runs.
    pub streams: u32,
    /// The policy it routes by.
    pub policy_version: u64,
    /// The state of the cluster's settings it goes by.
    pub settings_version: u64,
    /// Up to which index it has applied `meta`.
    pub applied: u64,
    /// Groups without a leader that it knows of.
    pub leaderless: Vec<GroupId>,
    /// Whole days until its certificate ends; `None` for a node by itself.
    pub certificate_days_left: Option<u64>,
    /// Its lanes to the other members.
    #[serde(skip)]
    pub lanes: Vec<Lane>,
    /// The adapters attached to it.
    #[serde(skip)]
    pub adapters: BTreeMap<AdapterName, Condition>,
}

/// How a node is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not caught up yet; also of a node that has said nothing.
    #[default]
    Starting,
    /// Ready for work.
    Ready,
    /// Something is wrong, see its readiness. What a later release calls something else is at least not ready.
    #[serde(other)]
    Degraded,
}

/// The lane that a member dials to another; of several it is the worst.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// To whom.
    pub to: NodeId,
    /// `control`, `requests` or `bulk`.
    pub lane: String,
    /// It stands.
    pub is_up: bool,
    /// There and back in microseconds, once that is known.
    pub rtt_us: Option<u64>,
    /// Why it does not stand, once an attempt has failed.
    pub trouble: Option<String>,
}

/// How an adapter is, by the word of the node it is attached to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// What it said last, once it was asked.
    pub health: Option<adapter::Health>,
    /// What it was configured from: nodes that say the same reach the same provider in the same way. `None` where it was not configured.
    pub origin: Option<u64>,
    /// A digest of the models it has.
    pub models: u64,
}

/// A condition on its way, with whose it is: names may contain what keys are made of.
#[derive(Serialize, Deserialize)]
struct Told {
    id: AdapterId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<TenantId>,
    #[serde(flatten)]
    condition: Condition,
}

impl Facts {
    /// As keys and values.
    pub(super) fn told(&self) -> BTreeMap<String, String> {
        let node = (NODE.to_owned(), json(self));
        let lanes = self.lanes.iter().map(|lane| {
            let trouble = lane.trouble.as_deref().map(|text| cut(text).to_owned());
            let key = format!("{LANE}{}:{}", lane.to, lane.lane);
            (
                key,
                json(&Lane {
                    trouble,
                    ..lane.clone()
                }),
            )
        });
        let adapters = self.adapters.iter().take(MOST_ADAPTERS).map(|(name, condition)| {
            let owner = name.owner.as_ref().map_or("", TenantId::as_str);
            let told = Told {
                id: name.id.clone(),
                owner: name.owner.clone(),
                condition: *condition,
            };
            (format!("{ADAPTER}{owner}:{}", name.id), json(&told))
        });
        let all = std::iter::once(node).chain(lanes).chain(adapters);
        all.filter(|(_, value)| value.len() <= LONGEST).collect()
    }

    /// From keys and values of a node of any release: what is missing or unreadable is as in `default()`.
    pub(super) fn heard<'a>(told: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut facts = Self::default();
        for (key, value) in told {
            if key == NODE {
                let node: Self = serde_json::from_str(value).unwrap_or_default();
                let (lanes, adapters) = (facts.lanes, facts.adapters);
                facts = Self {
                    lanes,
                    adapters,
                    ..node
                };
            } else if key.starts_with(LANE) {
                facts.lanes.extend(serde_json::from_str::<Lane>(value));
            } else if key.starts_with(ADAPTER)
                && let Ok(Told { id, owner, condition }) = serde_json::from_str(value)
            {
                facts.adapters.insert(AdapterName { owner, id }, condition);
            }
        }
        facts
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names, numbers and texts")
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TROUBLE_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(told: &BTreeMap<String, String>) -> Facts {
        Facts::heard(told.iter().map(|(key, value)| (&**key, &**value)))
    }

    fn adapter(owner: Option<&str>, id: &str) -> AdapterName {
        AdapterName {
            owner: owner.map(|owner| TenantId::new(owner).unwrap()),
            id: AdapterId::new(id).unwrap(),
        }
    }

    #[test]
    fn what_is_told_is_what_is_heard() {
        let well = Condition {
            health: Some(adapter::Health {
                p95_latency_ms: Some(12.5),
                ..adapter::Health::HEALTHY
            }),
            origin: Some(u64::MAX),
            models: 7,
        };
        let lane = |lane: &str, is_up: bool| Lane {
            to: NodeId::new(2).unwrap(),
            lane: lane.to_owned(),
            is_up,
            rtt_us: is_up.then_some(120),
            trouble: (!is_up).then(|| "refused".to_owned()),
        };
        let facts = Facts {
            version: "0.1.0".to_owned(),
            health: Health::Ready,
            is_draining: true,
            load: 250,
            streams: 3,
            policy_version: 7,
            settings_version: 8,
            applied: 9,
            leaderless: vec![GroupId(3)],
            certificate_days_left: Some(90),
            lanes: vec![lane("bulk", false), lane("control", true)],
            adapters: BTreeMap::from([
                (adapter(None, "openai"), well),
                (adapter(Some("acme"), "own"), Condition::default()),
            ]),
        };
        assert_eq!(heard(&facts.told()), facts);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let told = [
            ("node", r#"{"load":5,"health":"sleeping","colour":"blue"}"#),
            ("lane:2:bulk", "far"),
            ("adapter::x", r#"{"id":"x","mood":1}"#),
            ("adapter::y", "{}"),
            ("weather", "fine"),
        ];
        let facts = Facts::heard(told.into_iter());
        let expected = Facts {
            load: 5,
            health: Health::Degraded,
            adapters: BTreeMap::from([(adapter(None, "x"), Condition::default())]),
            ..Facts::default()
        };
        assert_eq!(facts, expected);
        assert_eq!(Facts::heard([("node", "[]]")].into_iter()), Facts::default());
    }

    #[test]
    fn a_node_tells_of_so_many_adapters_and_short_texts() {
        let adapters = (0..1_000).map(|at| (adapter(None, &format!("a{at:04}")), Condition::default()));
        let facts = Facts {
            adapters: adapters.collect(),
            version: "x".repeat(LONGEST),
            lanes: vec![Lane {
                to: NodeId::new(1).unwrap(),
                lane: "bulk".to_owned(),
                is_up: false,
                rtt_us: None,
                trouble: Some("ä".repeat(LONGEST)),
            }],
            ..Facts::default()
        };
        let heard = heard(&facts.told());
        assert_eq!(
            (heard.adapters.len(), heard.version.as_str()),
            (MOST_ADAPTERS, "")
        );
        assert_eq!(heard.lanes[0].trouble, Some("ä".repeat(TROUBLE_MAX / 2)));
    }
}
