//! CBOR: the deterministic profile out, what other profiles write in (atp.md 5.1 and 5.2).

use std::borrow::Cow;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};
use minicbor::encode::Encoder;
use smallvec::SmallVec;

use super::tree::{Object, Value};
use super::{Malformed, duplicate};
use crate::limits::Limits;

/// Reads one CBOR value that fills `bytes`.
///
/// Accepts heads longer than needed, any order of names and floats of 16, 32 and 64 bits. Refuses indefinite lengths,
/// duplicate or non-text names, tags, simple values other than `true`, `false` and `null`, integers outside
/// -2^63 to 2^64 - 1, and floats that are not finite, since the canonical form has none.
///
/// # Errors
/// The first rule broken, in reading order.
pub fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Value<'a>, Malformed> {
    let mut parser = Parser {
        tokens: Decoder::new(bytes),
        depth: limits.depth,
        nodes: limits.nodes,
        limits,
    };
    let value = parser.value()?;
    match parser.tokens.position() {
        at if at == bytes.len() => Ok(value),
        at => Err(Malformed::Trailing { at }),
    }
}

struct Parser<'a, 'l> {
    tokens: Decoder<'a>,
    /// Levels left.
    depth: usize,
    /// Values left.
    nodes: usize,
    limits: &'l Limits,
}

impl<'a> Parser<'a, '_> {
    fn value(&mut self) -> Result<Value<'a>, Malformed> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Malformed::Nodes {
            limit: self.limits.nodes,
        })?;
        let at = self.tokens.position();
        let syntax = |error: Error| syntax(&error, at);
        match self.tokens.datatype().map_err(syntax)? {
            Type::Null => self.tokens.null().map(|()| Value::Null).map_err(syntax),
            Type::Bool => self.tokens.bool().map(Value::Bool).map_err(syntax),
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int => integer(i128::from(self.tokens.int().map_err(syntax)?), at),
            Type::F16 | Type::F32 | Type::F64 => {
                let float = self.tokens.f64().map_err(syntax)?;
                if float.is_finite() {
                    Ok(Value::Float(float))
                } else {
                    Err(Malformed::Number { at })
                }
            }
            Type::String => self
                .tokens
                .str()
                .map(|text| Value::Text(Cow::Borrowed(text)))
                .map_err(syntax),
            Type::Bytes => self
                .tokens
                .bytes()
                .map(|bytes| Value::Bytes(Cow::Borrowed(bytes)))
                .map_err(syntax),
            Type::Array => self.nested(Self::array).map(Value::Array),
            Type::Map => self.nested(Self::object).map(Value::Object),
            other @ (Type::Undefined
            | Type::Simple
            | Type::BytesIndef
            | Type::StringIndef
            | Type::ArrayIndef
            | Type::MapIndef
            | Type::Tag
            | Type::Break
            | Type::Unknown(_)) => Err(Malformed::Syntax {
                what: format!("{other} is not part of the deterministic profile"),
                at,
            }),
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

    // Containers grow as their elements arrive: a declared length is a claim that the input need not keep.

    fn array(&mut self) -> Result<Vec<Value<'a>>, Malformed> {
        let at = self.tokens.position();
        let len = self
            .tokens
            .array()
            .map_err(|error| syntax(&error, at))?
            .unwrap_or(0);
        (0..len).map(|_| self.value()).collect()
    }

    fn object(&mut self) -> Result<Object<'a>, Malformed> {
        let at = self.tokens.position();
        let len = self
            .tokens
            .map()
            .map_err(|error| syntax(&error, at))?
            .unwrap_or(0);
        let mut members = Vec::new();
        for _ in 0..len {
            let at = self.tokens.position();
            let name = self.tokens.str().map_err(|error| syntax(&error, at))?;
            members.push((Cow::Borrowed(name), self.value()?));
        }
        duplicate::refuse(&members)?;
        Ok(Object(members))
    }
}

fn integer<'a>(int: i128, at: usize) -> Result<Value<'a>, Malformed> {
    i64::try_from(int)
        .map(Value::Int)
        .or_else(|_| u64::try_from(int).map(Value::Uint))
        .map_err(|_| Malformed::Number { at })
}

fn syntax(error: &Error, at: usize) -> Malformed {
    Malformed::Syntax {
        what: error.to_string(),
        at: error.position().unwrap_or(at),
    }
}

/// Encodes in the deterministic profile: shortest heads, definite lengths, names by their UTF-8 bytes (`a`, `aa`, `b`),
/// floats always of 64 bits.
#[must_use]
pub fn encode(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    append(value, &mut Encoder::new(&mut out)).expect("writing to a vector cannot fail");
    out
}

type Sink<'v> = Encoder<&'v mut Vec<u8>>;
type Infallible = minicbor::encode::Error<std::convert::Infallible>;

fn append(value: &Value<'_>, out: &mut Sink<'_>) -> Result<(), Infallible> {
    match value {
        Value::Null => out.null()?,
        Value::Bool(bool) => out.bool(*bool)?,
        Value::Int(int) => out.i64(*int)?,
        Value::Uint(int) => out.u64(*int)?,
        Value::Float(float) => out.f64(*float)?,
        Value::Text(text) => out.str(text)?,
        Value::Bytes(bytes) => out.bytes(bytes)?,
        Value::Array(array) => {
            out.array(array.len() as u64)?;
            return array.iter().try_for_each(|element| append(element, out));
        }
        Value::Object(object) => return members(object, out),
    };
    Ok(())
}

fn members(object: &Object<'_>, out: &mut Sink<'_>) -> Result<(), Infallible> {
    let mut members: SmallVec<[&(Cow<'_, str>, Value<'_>); 16]> = object.0.iter().collect();
    members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    out.map(members.len() as u64)?;
    members.into_iter().try_for_each(|(name, value)| {
        out.str(name)?;
        append(value, out)
    })
}
