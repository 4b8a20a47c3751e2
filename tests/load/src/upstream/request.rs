//! The parts of an OpenAI or Anthropic request that the upstream looks at.

use serde::Deserialize;

/// A completion or embedding request; what is absent or null has no value.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    pub(super) model: String,
    pub(super) stream: Option<bool>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    stream_options: Option<StreamOptions>,
    system: Option<Content>,
    #[serde(default)]
    messages: Vec<Message>,
    input: Option<Input>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

impl Request {
    /// The limit on completion tokens, under either of its names.
    pub(super) fn max_tokens(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// Whether a stream of the OpenAI surface ends with a usage chunk.
    pub(super) fn wants_usage(&self) -> bool {
        self.stream_options
            .as_ref()
            .and_then(|options| options.include_usage)
            .unwrap_or(false)
    }

    /// Every text of the prompt: system prompt, messages in order, embedding inputs.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let messages = self
            .messages
            .iter()
            .filter_map(|message| message.content.as_ref());
        let prompt = self.system.iter().chain(messages).flat_map(Content::texts);
        prompt.chain(self.inputs().iter().map(String::as_str))
    }

    /// The texts to embed.
    pub(super) fn inputs(&self) -> &[String] {
        match &self.input {
            None => &[],
            Some(Input::One(text)) => std::slice::from_ref(text),
            Some(Input::Many(texts)) => texts,
        }
    }
}

impl Content {
    fn texts(&self) -> impl Iterator<Item = &str> {
        let (text, parts) = match self {
            Self::Text(text) => (Some(text), [].as_slice()),
            Self::Parts(parts) => (None, parts.as_slice()),
        };
        text.into_iter()
            .chain(parts.iter().filter_map(|part| part.text.as_ref()))
            .map(String::as_str)
    }
}
