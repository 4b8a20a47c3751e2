//! What a node says of itself, as keys and values. Unknown keys are passed over, so that releases can be mixed.

use std::collections::BTreeMap;
use std::str::FromStr;

use atp_protocol::ids::AdapterId;

/// Adapters a node tells of.
const MOST_ADAPTERS: usize = 256;

/// Longest text of a value; a longer one is not told.
const LONGEST: usize = 255;

const LOAD: &str = "load";
const STREAMS: &str = "streams";
const HEALTH: &str = "health";
const DRAINING: &str = "draining";
const POLICY: &str = "policy_version";
const API: &str = "api";
const VERSION: &str = "version";
const ADAPTER: &str = "adapter:";

/// What a node says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Lanes in use of those there are, in thousandths; above 1 000 some wait.
    pub load: u32,
    /// Streams it owns.
    pub streams: u32,
    /// How it is.
    pub health: Health,
    /// It takes no new work.
    pub is_draining: bool,
    /// The policy it routes by.
    pub policy_version: u64,
    /// Adapters attached to it, and whether each would take a call.
    pub adapters: BTreeMap<AdapterId, bool>,
    /// URL of its API.
    pub api: String,
    /// Its release.
    pub version: String,
}

/// How a node is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// Not caught up yet; also of a node that has said nothing.
    #[default]
    Starting,
    /// Ready for work.
    Ready,
    /// Something is wrong, see its readiness.
    Degraded,
}

impl Health {
    const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "ready" => Self::Ready,
            "starting" => Self::Starting,
            // what a later release calls something else is at least not ready
            _ => Self::Degraded,
        }
    }
}

impl Facts {
    /// As keys and values.
    pub(super) fn told(&self) -> BTreeMap<String, String> {
        let texts = [(API, &self.api), (VERSION, &self.version)];
        let texts = texts
            .into_iter()
            .filter(|(_, text)| text.len() <= LONGEST)
            .map(|(key, text)| (key.to_owned(), text.clone()));
        let figures = [
            (LOAD, self.load.to_string()),
            (STREAMS, self.streams.to_string()),
            (HEALTH, self.health.name().to_owned()),
            (DRAINING, self.is_draining.to_string()),
            (POLICY, self.policy_version.to_string()),
        ];
        let adapters = self.adapters.iter().take(MOST_ADAPTERS);
        texts
            .chain(figures.map(|(key, value)| (key.to_owned(), value)))
            .chain(adapters.map(|(id, is_ready)| (format!("{ADAPTER}{id}"), is_ready.to_string())))
            .collect()
    }

    /// From keys and values of a node of any release: what is missing or unreadable is as in `default()`.
    pub(super) fn heard<'a>(told: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut facts = Self::default();
        for (key, value) in told {
            match key {
                LOAD => facts.load = read(value),
                STREAMS => facts.streams = read(value),
                HEALTH => facts.health = Health::of(value),
                DRAINING => facts.is_draining = read(value),
                POLICY => facts.policy_version = read(value),
                API => value.clone_into(&mut facts.api),
                VERSION => value.clone_into(&mut facts.version),
                other => {
                    let id = other.strip_prefix(ADAPTER).and_then(|id| AdapterId::new(id).ok());
                    if let Some(id) = id {
                        facts.adapters.insert(id, read(value));
                    }
                }
            }
        }
        facts
    }
}

fn read<T: FromStr + Default>(value: &str) -> T {
    value.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(told: &BTreeMap<String, String>) -> Facts {
        Facts::heard(told.iter().map(|(key, value)| (&**key, &**value)))
    }

    #[test]
    fn what_is_told_is_what_is_heard() {
        let facts = Facts {
            load: 250,
            streams: 3,
            health: Health::Ready,
            is_draining: true,
            policy_version: 7,
            adapters: BTreeMap::from([
                (AdapterId::new("openai").unwrap(), true),
                (AdapterId::new("ollama.local").unwrap(), false),
            ]),
            api: "https://n1.example:7443".to_owned(),
            version: "0.1.0".to_owned(),
        };
        assert_eq!(heard(&facts.told()), facts);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let told = [
            ("load", "much"),
            ("health", "sleeping"),
            ("colour", "blue"),
            ("adapter:", "true"),
            ("adapter:x", "perhaps"),
        ];
        let facts = Facts::heard(told.into_iter());
        let expected = Facts {
            health: Health::Degraded,
            adapters: BTreeMap::from([(AdapterId::new("x").unwrap(), false)]),
            ..Facts::default()
        };
        assert_eq!(facts, expected);
    }

    #[test]
    fn a_node_tells_of_so_many_adapters_and_short_texts() {
        let adapters = (0..1_000).map(|at| (AdapterId::new(&format!("a{at:04}")).unwrap(), true));
        let facts = Facts {
            adapters: adapters.collect(),
            api: "x".repeat(256),
            ..Facts::default()
        };
        let heard = heard(&facts.told());
        assert_eq!((heard.adapters.len(), heard.api.as_str()), (MOST_ADAPTERS, ""));
    }
}
