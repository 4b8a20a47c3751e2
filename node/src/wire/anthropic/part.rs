//! Blocks of a client's message as parts of canonical ones.

use atp_protocol::error::Fault;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::wire::field::{parse, wrong};

/// A block. Members are read by kind, because blocks of other kinds may give the same names another type.
pub(super) struct Block<'a> {
    pub(super) kind: String,
    raw: &'a RawValue,
    /// For errors.
    name: String,
}

/// A string, or an array of blocks.
pub(super) enum Blocks<'a> {
    Text(String),
    List(Vec<Block<'a>>),
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Deserialize)]
pub(super) struct ToolUse<'a> {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(borrow, default)]
    pub(super) input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct ToolResult<'a> {
    pub(super) tool_use_id: String,
    #[serde(borrow, default)]
    pub(super) content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Sourced {
    source: Source,
}

/// Where an image or a document comes from.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Source {
    Base64 {
        media_type: String,
        data: String,
    },
    Url {
        url: String,
    },
    Text {
        data: String,
    },
    /// Files kept at the provider, and whatever comes.
    #[serde(other)]
    Other,
}

/// Reads content that may be a string or an array of blocks.
pub(super) fn blocks<'a>(raw: &'a RawValue, name: &str) -> Result<Blocks<'a>, Fault> {
    let text = raw.get().as_bytes();
    match text.first() {
        Some(b'"') => Ok(Blocks::Text(parse(text, name)?)),
        Some(b'[') => {
            let raws: Vec<&'a RawValue> = parse(text, name)?;
            let read = |(at, raw): (usize, &'a RawValue)| {
                let name = format!("{name}[{at}]");
                let Kind { kind } = parse(raw.get().as_bytes(), &name)?;
                Ok(Block { kind, raw, name })
            };
            raws.into_iter()
                .enumerate()
                .map(read)
                .collect::<Result<_, Fault>>()
                .map(Blocks::List)
        }
        _ => Err(wrong(name, "expected a string or an array of blocks")),
    }
}

/// Content of which only the text counts: system prompts and tool results. Other blocks show as their JSON.
pub(super) fn text_of(raw: &RawValue, name: &str) -> Result<String, Fault> {
    let list = match blocks(raw, name)? {
        Blocks::Text(text) => return Ok(text),
        Blocks::List(list) => list,
    };
    let texts: Result<Vec<_>, Fault> = list
        .iter()
        .map(|block| match block.kind.as_str() {
            "text" => block.read().map(|Text { text }| text),
            _ => Ok(block.raw.get().to_owned()),
        })
        .collect();
    Ok(texts?.join("\n"))
}

impl<'a> Block<'a> {
    /// The members of a block of this kind.
    pub(super) fn read<T: Deserialize<'a>>(&self) -> Result<T, Fault> {
        parse(self.raw.get().as_bytes(), &self.name)
    }

    /// The block as an OpenAI part; itself where OpenAI has no word for it.
    pub(super) fn part(&self) -> Result<Value, Fault> {
        let part = match self.kind.as_str() {
            "text" => {
                let Text { text } = self.read()?;
                Some(json!({ "type": "text", "text": text }))
            }
            "image" => image(self.read()?),
            "document" => document(self.read()?),
            _ => None,
        };
        match part {
            Some(part) => Ok(part),
            None => self.read(),
        }
    }
}

fn image(Sourced { source }: Sourced) -> Option<Value> {
    let url = match source {
        Source::Base64 { media_type, data } => data_url(&media_type, &data),
        Source::Url { url } => url,
        Source::Text { .. } | Source::Other => return None,
    };
    Some(json!({ "type": "image_url", "image_url": { "url": url } }))
}

fn document(Sourced { source }: Sourced) -> Option<Value> {
    match source {
        Source::Text { data } => Some(json!({ "type": "text", "text": data })),
        Source::Base64 { media_type, data } => {
            let file = json!({ "filename": "document.pdf", "file_data": data_url(&media_type, &data) });
            Some(json!({ "type": "file", "file": file }))
        }
        Source::Url { .. } | Source::Other => None,
    }
}

fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}
