//! What a declaration may say: names that can be asked for, figures that can be meant (atp.md section 1, 3.2 and 7.3).

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::Capability;
use crate::ids::PersonaId;
use crate::units::Window;

/// Most members of a list. Each model is a candidate.
const LIST_MAX: usize = 256;

/// Longest name in bytes, as of a member of a typed list in `meta`, which it is matched with.
const NAME_MAX: usize = 128;

/// Longest URL in bytes.
const URL_MAX: usize = 2_048;

/// Most bytes of `metadata`, encoded; as of `meta`.
const METADATA_MAX: usize = 64 * 1024;

/// Dearest token in micro-dollars: a whole request may cost no more (atp.md 7.2).
const TOKEN_MICROS_MAX: f64 = 10_000_000.0;

/// Why a declaration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {why}")]
pub struct Misdeclared {
    /// The member at fault, with its place if it is a list: `models[3]`.
    pub member: String,
    /// What it may be.
    pub why: String,
}

impl Capability {
    /// Refuses what cannot be meant. An adapter without models is one model, named like itself.
    ///
    /// # Errors
    /// The first member at fault.
    pub fn check(&self) -> Result<(), Misdeclared> {
        name("adapter_type", &self.adapter_type, NAME_MAX)?;
        for (member, list) in [
            ("capabilities", &self.capabilities),
            ("models", &self.models),
            ("supported_languages", &self.supported_languages),
            ("tools", &self.tools),
            ("safety_domains", &self.safety_domains),
        ] {
            each_once(member, list, |at, text| name(at, text, NAME_MAX))?;
        }
        each_once("personas", &self.personas, |at, text| persona(at, text))?;
        each_once("qos", &self.qos, |_, _| Ok(()))?;
        each_once("lacks", &self.lacks, |_, _| Ok(()))?;
        for (member, text, max) in [
            ("version", &self.version, NAME_MAX),
            ("health_endpoint", &self.health_endpoint, URL_MAX),
        ] {
            text.as_deref().map_or(Ok(()), |text| name(member, text, max))?;
        }
        within("max_tokens", self.max_tokens, 1..=Window::MAX.max_tokens)?;
        let parallel = self.max_parallel.map(u64::from);
        within("max_parallel", parallel, 1..=u64::from(Window::MAX.max_parallel))?;
        match self.cost_per_token_micros {
            Some(micros) if !(0.0..=TOKEN_MICROS_MAX).contains(&micros) => {
                let why = format!("must be a number from 0 to {TOKEN_MICROS_MAX}, not {micros}");
                return Err(wrong("cost_per_token_micros", why));
            }
            _ => {}
        }
        let metadata = self
            .metadata
            .as_ref()
            .map_or(0, |metadata| metadata.to_string().len());
        match metadata > METADATA_MAX {
            true => Err(wrong(
                "metadata",
                format!("has {metadata} bytes; at most {METADATA_MAX}"),
            )),
            false => Ok(()),
        }
    }
}

fn wrong(member: &str, why: impl Into<String>) -> Misdeclared {
    Misdeclared {
        member: member.to_owned(),
        why: why.into(),
    }
}

/// A list of members, none of them twice.
fn each_once<T: Ord>(
    member: &str,
    list: &[T],
    check: impl Fn(&str, &T) -> Result<(), Misdeclared>,
) -> Result<(), Misdeclared> {
    if list.len() > LIST_MAX {
        let why = format!(
            "lists {}; at most {LIST_MAX}, so leave out what nobody asks for",
            list.len()
        );
        return Err(wrong(member, why));
    }
    let mut seen = BTreeSet::new();
    for (place, listed) in list.iter().enumerate() {
        let at = format!("{member}[{place}]");
        check(&at, listed)?;
        if !seen.insert(listed) {
            return Err(wrong(&at, "is listed before; name each once"));
        }
    }
    Ok(())
}

/// Visible ASCII without the quote and the backslash, as of the identifiers that requests name.
fn name(at: &str, text: &str, max: usize) -> Result<(), Misdeclared> {
    let is_visible = |byte: u8| matches!(byte, 0x21..=0x7E) && byte != b'"' && byte != b'\\';
    match (1..=max).contains(&text.len()) && text.bytes().all(is_visible) {
        true => Ok(()),
        false => Err(wrong(
            at,
            format!("must have 1 to {max} visible ASCII characters, without spaces, quotes and backslashes"),
        )),
    }
}

fn persona(at: &str, text: &str) -> Result<(), Misdeclared> {
    PersonaId::new(text)
        .map(drop)
        .map_err(|error| wrong(at, error.to_string()))
}

fn within(member: &str, figure: Option<u64>, range: RangeInclusive<u64>) -> Result<(), Misdeclared> {
    match figure {
        Some(figure) if !range.contains(&figure) => {
            let why = format!("must be from {} to {}, not {figure}", range.start(), range.end());
            Err(wrong(member, why))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is wrong with a declaration that has these members beside the required ones.
    fn fault(members: Value) -> Option<String> {
        let mut content =
            json!({ "adapter_id": "a", "adapter_type": "llm", "capabilities": ["chat"], "models": ["m"] });
        for (name, value) in members.as_object().unwrap() {
            content[name] = value.clone();
        }
        let capability: Capability = serde_json::from_value(content).unwrap();
        capability.check().err().map(|wrong| wrong.member)
    }

    #[test]
    fn what_published_adapters_declare_is_taken() {
        for members in [
            json!({}),
            json!({ "models": [] }),
            json!({ "models": ["meta-llama/Llama-3.1-8B-Instruct:free", "claude@20260101"], "max_tokens": 2_000_000 }),
            json!({ "supported_languages": ["en", "zh-CN", "C++"], "tools": ["net.egress:https"], "version": "1.0.0+abc" }),
            json!({ "cost_per_token_micros": 0, "max_parallel": 1_000, "qos": ["gold", "bronze"] }),
            json!({ "health_endpoint": "http://127.0.0.1:8080/health", "metadata": { "any": ["thing"] } }),
        ] {
            assert_eq!(fault(members.clone()), None, "{members}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let many: Vec<String> = (0..=LIST_MAX).map(|n| n.to_string()).collect();
        for (members, member) in [
            (json!({ "adapter_type": "" }), "adapter_type"),
            (json!({ "models": ["a", "two words"] }), "models[1]"),
            (json!({ "models": ["a", "b", "a"] }), "models[2]"),
            (json!({ "models": ["größe"] }), "models[0]"),
            (json!({ "models": ["m".repeat(129)] }), "models[0]"),
            (json!({ "models": many }), "models"),
            (json!({ "capabilities": [" "] }), "capabilities[0]"),
            (
                json!({ "supported_languages": ["en", "en"] }),
                "supported_languages[1]",
            ),
            (json!({ "tools": ["a\"b"] }), "tools[0]"),
            (json!({ "safety_domains": [""] }), "safety_domains[0]"),
            (json!({ "personas": ["a:b"] }), "personas[0]"),
            (json!({ "qos": ["gold", "gold"] }), "qos[1]"),
            (json!({ "lacks": ["choices", "choices"] }), "lacks[1]"),
            (json!({ "version": "a\nb" }), "version"),
            (json!({ "max_tokens": 0 }), "max_tokens"),
            (json!({ "max_tokens": 10_000_001 }), "max_tokens"),
            (json!({ "max_parallel": 0 }), "max_parallel"),
            (json!({ "max_parallel": 1_001 }), "max_parallel"),
            (json!({ "cost_per_token_micros": -0.5 }), "cost_per_token_micros"),
            (json!({ "cost_per_token_micros": 1e300 }), "cost_per_token_micros"),
            (json!({ "metadata": "x".repeat(METADATA_MAX) }), "metadata"),
        ] {
            assert_eq!(fault(members.clone()).as_deref(), Some(member), "{members}");
        }
        let nan = Capability {
            cost_per_token_micros: Some(f64::NAN),
            ..serde_json::from_value(
                json!({ "adapter_id": "a", "adapter_type": "x", "capabilities": [], "models": [] }),
            )
            .unwrap()
        };
        assert!(nan.check().is_err());
    }
}
