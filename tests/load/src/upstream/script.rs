//! What the upstream does with one request: usage, pace and misbehaviour.
//!
//! Chosen by the model's name (`<anything>-<fault>`, or the fault alone) and by a marker anywhere in the prompt:
//! `[[upstream fault=cut prompt_tokens=12 completion_tokens=7 delay_ms=5 interval_ms=20]]`, all parts optional.
//! The marker wins over the model, both win over the [`Options`](super::Options).

use std::time::Duration;

use super::Options;
use super::request::Request;

/// Tokens of a prompt are its bytes divided by this, at least one token.
const BYTES_PER_TOKEN: u64 = 4;
/// How long `slow-first` waits unless a marker says otherwise.
const SLOW_FIRST: Duration = Duration::from_secs(2);

/// A way to misbehave, selected by a model name that is or ends in its name (`mock-stall`), or by a [`Marker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Half of the tokens, then silence on an open connection; without streaming, no answer at all.
    Stall,
    /// Half of the answer, then the connection is closed.
    Cut,
    /// Ten times the billed completion tokens are reported as usage.
    LieUsage,
    /// More tokens after the end of the stream; they are billed.
    AfterFinal,
    /// No usage is reported.
    NoUsage,
    /// 429 with `retry-after: 1`; nothing is billed.
    RateLimited,
    /// 500; nothing is billed.
    ServerError,
    /// Two seconds before the first token or the answer.
    SlowFirst,
    /// 200 with a body that is neither JSON nor SSE.
    Garbage,
}

impl Fault {
    /// Every fault under the name that selects it.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("stall", Self::Stall),
        ("cut", Self::Cut),
        ("lie-usage", Self::LieUsage),
        ("after-final", Self::AfterFinal),
        ("no-usage", Self::NoUsage),
        ("429", Self::RateLimited),
        ("500", Self::ServerError),
        ("slow-first", Self::SlowFirst),
        ("garbage", Self::Garbage),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, fault)| *fault)
    }

    fn of_model(model: &str) -> Option<Self> {
        let ends = |name: &str| {
            model
                .strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('-'))
        };
        Self::NAMES
            .iter()
            .find(|(name, _)| ends(name))
            .map(|(_, fault)| *fault)
    }

    fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, fault)| *fault == self)
            .map_or("", |(name, _)| name)
    }
}

/// What a prompt asks of the upstream; absent parts are left to model and options.
///
/// Written anywhere in a text of the prompt: `[[upstream fault=cut completion_tokens=7 interval_ms=20]]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marker {
    /// Misbehaviour.
    pub fault: Option<Fault>,
    /// Prompt tokens to bill.
    pub prompt_tokens: Option<u64>,
    /// Completion tokens to send and bill.
    pub completion_tokens: Option<u64>,
    /// Wait before the answer, or before the first token of a stream.
    pub delay_ms: Option<u64>,
    /// Time between tokens of a stream.
    pub interval_ms: Option<u64>,
}

const OPENING: &str = "[[upstream";
const CLOSING: &str = "]]";

impl Marker {
    /// The first marker in `text`. Unknown keys, unknown faults and malformed numbers are passed over.
    pub fn find(text: &str) -> Option<Self> {
        let start = memchr::memmem::find(text.as_bytes(), OPENING.as_bytes())? + OPENING.len();
        let (inner, _) = text[start..].split_once(CLOSING)?;
        let mut marker = Self::default();
        for (key, value) in inner.split_whitespace().filter_map(|part| part.split_once('=')) {
            match key {
                "fault" => marker.fault = Fault::named(value),
                "prompt_tokens" => marker.prompt_tokens = value.parse().ok(),
                "completion_tokens" => marker.completion_tokens = value.parse().ok(),
                "delay_ms" => marker.delay_ms = value.parse().ok(),
                "interval_ms" => marker.interval_ms = value.parse().ok(),
                _ => {}
            }
        }
        Some(marker)
    }
}

impl std::fmt::Display for Marker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(OPENING)?;
        if let Some(fault) = self.fault {
            write!(f, " fault={}", fault.name())?;
        }
        let numbers = [
            ("prompt_tokens", self.prompt_tokens),
            ("completion_tokens", self.completion_tokens),
            ("delay_ms", self.delay_ms),
            ("interval_ms", self.interval_ms),
        ];
        for (key, value) in numbers {
            if let Some(value) = value {
                write!(f, " {key}={value}")?;
            }
        }
        f.write_str(CLOSING)
    }
}

/// What happens with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) model: String,
    pub(super) fault: Option<Fault>,
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    /// Before the answer, or before the first token of a stream.
    pub(super) delay: Duration,
    /// Between two tokens of a stream; none sends them at once.
    pub(super) interval: Option<Duration>,
    pub(super) wants_usage: bool,
}

impl Script {
    pub(super) fn of(request: &Request, options: &Options) -> Self {
        let marker = request.texts().find_map(Marker::find).unwrap_or_default();
        let fault = marker.fault.or_else(|| Fault::of_model(&request.model));
        let bytes: u64 = request.texts().map(|text| text.len() as u64).sum();
        let delay = match marker.delay_ms {
            Some(millis) => Duration::from_millis(millis),
            None if fault == Some(Fault::SlowFirst) => SLOW_FIRST,
            None => Duration::from_micros(options.delay_us),
        };
        let interval = Duration::from_millis(marker.interval_ms.unwrap_or(options.interval_ms));
        Self {
            model: request.model.clone(),
            fault,
            prompt_tokens: marker.prompt_tokens.unwrap_or((bytes / BYTES_PER_TOKEN).max(1)),
            completion_tokens: marker
                .completion_tokens
                .or(request.max_tokens())
                .unwrap_or(options.tokens),
            delay,
            interval: (!interval.is_zero()).then_some(interval),
            wants_usage: request.wants_usage(),
        }
    }

    /// Completion tokens as the reply reports them, which is what was billed unless it lies.
    pub(super) fn reported_tokens(&self) -> u64 {
        if self.fault == Some(Fault::LieUsage) {
            self.completion_tokens.saturating_mul(10)
        } else {
            self.completion_tokens
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(body: &str) -> Script {
        Script::of(&serde_json::from_str(body).unwrap(), &Options::default())
    }

    #[test]
    fn usage_is_a_function_of_the_request() {
        let script = script(
            r#"{"model":"m","system":"1234","messages":[{"role":"user","content":"12345678"},
                {"role":"user","content":[{"type":"text","text":"1234"},{"type":"image"}]}],"max_tokens":7}"#,
        );
        assert_eq!((script.prompt_tokens, script.completion_tokens), (4, 7));
    }

    #[test]
    fn a_model_name_selects_its_fault() {
        for (name, fault) in Fault::NAMES {
            assert_eq!(script(&format!(r#"{{"model":"gpt-{name}"}}"#)).fault, Some(fault));
            assert_eq!(script(&format!(r#"{{"model":"{name}"}}"#)).fault, Some(fault));
        }
        assert_eq!(script(r#"{"model":"shortcut"}"#).fault, None);
    }

    #[test]
    fn a_marker_wins_over_model_and_limit() {
        let script = script(
            r#"{"model":"stall","max_tokens":9,"messages":[{"content":
                "go [[upstream fault=cut prompt_tokens=3 completion_tokens=5 interval_ms=20]] on"}]}"#,
        );
        assert_eq!(script.fault, Some(Fault::Cut));
        assert_eq!((script.prompt_tokens, script.completion_tokens), (3, 5));
        assert_eq!(script.interval, Some(Duration::from_millis(20)));
    }

    #[test]
    fn a_marker_reads_back_as_written() {
        let marker = Marker {
            fault: Some(Fault::NoUsage),
            delay_ms: Some(4),
            ..Marker::default()
        };
        assert_eq!(Marker::find(&format!("a {marker} b")), Some(marker));
    }
}
