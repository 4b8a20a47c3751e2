//! Strict JSON: parsing with limits, and compact text.

use std::borrow::Cow;

use jiter::{Jiter, JiterError, Peek};

use super::tree::{Object, Value};
use super::write::Form;
use super::{Malformed, duplicate};
use crate::limits::Limits;

/// Reads one JSON value that fills `text`, up to white space.
///
/// Stricter than RFC 8259: duplicate names at any depth, unpaired surrogates, integers outside -2^63 to 2^64 - 1 and
/// numbers beyond binary64 are refused. Unescaped text borrows from `text`.
///
/// # Errors
/// The first rule broken, in reading order.
pub fn parse<'a>(text: &'a str, limits: &Limits) -> Result<Value<'a>, Malformed> {
    let mut parser = Parser {
        text,
        tokens: Jiter::new(text.as_bytes()),
        depth: limits.depth,
        nodes: limits.nodes,
        limits,
    };
    let first = parser.tokens.peek().map_err(syntax)?;
    let value = parser.value(first)?;
    let at = parser.tokens.current_index();
    parser.tokens.finish().map_err(|_| Malformed::Trailing { at })?;
    Ok(value)
}

/// Compact JSON in the order of the tree, text raw where JSON allows it.
///
/// # Errors
/// [`Malformed::Bytes`] if the tree holds a byte string.
pub fn text(value: &Value<'_>) -> Result<String, Malformed> {
    let mut out = String::new();
    let form = Form {
        ascii: false,
        sorted: false,
    };
    form.value(value, &mut out)?;
    Ok(out)
}

struct Parser<'a, 'l> {
    text: &'a str,
    tokens: Jiter<'a>,
    /// Levels left.
    depth: usize,
    /// Values left.
    nodes: usize,
    limits: &'l Limits,
}

impl<'a> Parser<'a, '_> {
    fn value(&mut self, next: Peek) -> Result<Value<'a>, Malformed> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Malformed::Nodes {
            limit: self.limits.nodes,
        })?;
        match next {
            Peek::Null => self.tokens.known_null().map(|()| Value::Null).map_err(syntax),
            Peek::True | Peek::False => self.tokens.known_bool(next).map(Value::Bool).map_err(syntax),
            Peek::String => {
                let decoded = self.tokens.known_str().map_err(syntax)?;
                Ok(Value::Text(borrowed(self.text, decoded)))
            }
            Peek::Array => self.nested(Self::array).map(Value::Array),
            Peek::Object => self.nested(Self::object).map(Value::Object),
            _ => self.number(next),
        }
    }

    fn nested<T>(&mut self, read: fn(&mut Self) -> Result<T, Malformed>) -> Result<T, Malformed> {
        self.depth = self.depth.checked_sub(1).ok_or(Malformed::Depth {
            limit: self.limits.depth,
        })?;
        let container = read(self)?;
        self.depth += 1;
        Ok(container)
    }

    fn array(&mut self) -> Result<Vec<Value<'a>>, Malformed> {
        let mut array = Vec::new();
        let mut next = self.tokens.known_array().map_err(syntax)?;
        while let Some(peek) = next {
            array.push(self.value(peek)?);
            next = self.tokens.array_step().map_err(syntax)?;
        }
        Ok(array)
    }

    fn object(&mut self) -> Result<Object<'a>, Malformed> {
        let mut members = Vec::new();
        let mut name = self
            .tokens
            .known_object()
            .map_err(syntax)?
            .map(|name| borrowed(self.text, name));
        while let Some(member) = name {
            let next = self.tokens.peek().map_err(syntax)?;
            members.push((member, self.value(next)?));
            name = self
                .tokens
                .next_key()
                .map_err(syntax)?
                .map(|name| borrowed(self.text, name));
        }
        duplicate::refuse(&members)?;
        Ok(Object(members))
    }

    fn number(&mut self, next: Peek) -> Result<Value<'a>, Malformed> {
        let at = self.tokens.current_index();
        // jiter decides where the literal ends and whether it is one; its own integers stop at 2^63
        self.tokens.known_number_bytes(next).map_err(syntax)?;
        let literal = &self.text[at..self.tokens.current_index()];
        if literal.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
            let float = literal.parse::<f64>().ok().filter(|float| float.is_finite());
            return float.map(Value::Float).ok_or(Malformed::Number { at });
        }
        literal
            .parse::<i64>()
            .map(Value::Int)
            .or_else(|_| literal.parse::<u64>().map(Value::Uint))
            .map_err(|_| Malformed::Number { at })
    }
}

/// The part of `text` that `decoded` is, or a copy if jiter had to resolve escapes into its own buffer.
fn borrowed<'a>(text: &'a str, decoded: &str) -> Cow<'a, str> {
    let Some(first) = decoded.as_bytes().first() else {
        return Cow::Borrowed("");
    };
    match text.as_bytes().element_offset(first) {
        Some(at) => Cow::Borrowed(&text[at..at + decoded.len()]),
        None => Cow::Owned(decoded.to_owned()),
    }
}

fn syntax(error: JiterError) -> Malformed {
    Malformed::Syntax {
        what: error.error_type.to_string(),
        at: error.index,
    }
}
