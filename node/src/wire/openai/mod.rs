//! OpenAI chat completions and embeddings, as OpenAI, Azure, vLLM, llama.cpp and Ollama speak them.

mod answer;
mod body;
mod edit;
mod error;
mod models;
mod request;
mod stream;

pub use answer::answer;
pub use body::body;
pub use edit::{Edited, edit, edit_embeddings};
pub use error::{error, error_event};
pub use models::{Model, model, models};
pub use request::{parse_chat, parse_embeddings};
pub use stream::Stream;

/// Members of a chat body that are the router's own; a provider would refuse them.
pub(crate) const OWN_MEMBERS: [&str; 3] = ["cost_limit", "quality_preference", "provider_preference"];

/// Which member limits output when the request names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitMember {
    /// The older name, known to every server that speaks the protocol, refused by OpenAI's reasoning models.
    MaxTokens,
    /// The newer name.
    MaxCompletionTokens,
}

impl LimitMember {
    /// The newer name for OpenAI and Azure, the older for everybody else.
    #[must_use]
    pub fn for_host(host: &str) -> Self {
        let is_of = |domain: &str| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if is_of("openai.com") || is_of("azure.com") {
            Self::MaxCompletionTokens
        } else {
            Self::MaxTokens
        }
    }

    /// The member's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}
