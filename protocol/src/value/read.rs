//! Typed reading: a `serde` deserializer over the tree.
//!
//! Three rules are the protocol's own (atp.md 3.1): members that are `null` are absent; an integer is read from an integer
//! literal only, never from `1.0`, `"1"` or `true`; and what has named members is read from an object only, never from an
//! array of their values. A number may be read from an integer. Byte strings read as base64 text.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer, SeqDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Object, Value};

/// Why a value is not of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}{what}", if path.is_empty() { "" } else { ": " })]
pub struct ReadError {
    /// Names from the outside in, joined by dots; empty when the value itself is at fault.
    pub path: String,
    /// What is wrong there.
    pub what: String,
}

impl ReadError {
    fn within(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.path.insert_str(0, dot);
        self.path.insert_str(0, name);
        self
    }
}

impl de::Error for ReadError {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        Self {
            path: String::new(),
            what: what.to_string(),
        }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(must_be(expected))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(must_be(expected))
    }
}

/// What was expected in the words of JSON: serde names the types of this program. What was there instead is not repeated,
/// for its writer knows it and it may be long.
fn must_be(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    let wanted = match expected.as_str() {
        "a boolean" => "true or false",
        "a string" | "a borrowed string" | "a character" => "a text",
        "a sequence" => "a list",
        "a map" => "an object",
        "f32" | "f64" => "a number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        members if members.starts_with("struct ") => "an object",
        other => other,
    };
    format!("must be {wanted}")
}

impl Value<'_> {
    /// Reads the value as a `T`.
    ///
    /// # Errors
    /// Names the member at fault and what was expected there.
    pub fn read<'v, T: Deserialize<'v>>(&'v self) -> Result<T, ReadError> {
        T::deserialize(self)
    }
}

impl Object<'_> {
    /// Reads the members as a `T`.
    ///
    /// # Errors
    /// As [`Value::read`].
    pub fn read<'v, T: Deserialize<'v>>(&'v self) -> Result<T, ReadError> {
        T::deserialize(MapAccessDeserializer::new(Members::new(self)))
    }
}

impl<'v> IntoDeserializer<'v, ReadError> for &'v Value<'_> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'v> Deserializer<'v> for &'v Value<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self {
            Value::Null => visitor.visit_unit(),
            Value::Bool(bool) => visitor.visit_bool(*bool),
            Value::Int(int) => visitor.visit_i64(*int),
            Value::Uint(int) => visitor.visit_u64(*int),
            Value::Float(float) => visitor.visit_f64(*float),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Bytes(bytes) => visitor.visit_string(STANDARD.encode(bytes)),
            Value::Array(array) => visitor.visit_seq(SeqDeserializer::new(array.iter())),
            Value::Object(object) => visitor.visit_map(Members::new(object)),
        }
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self {
            // serde's own derive would take the elements for members, in the order they are declared in.
            Value::Array(_) => Err(de::Error::custom("must be an object")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self {
            Value::Text(text) => visitor.visit_enum(BorrowedStrDeserializer::new(text)),
            Value::Object(object) => visitor.visit_enum(MapAccessDeserializer::new(Members::new(object))),
            _ => Err(de::Error::custom(format_args!(
                "must be one of {}",
                variants.join(", ")
            ))),
        }
    }

    forward_to_deserialize_any! {
        <V: Visitor<'v>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// The members that are not `null`; errors inside one carry its name.
struct Members<'v, 'a> {
    rest: std::slice::Iter<'v, (Cow<'a, str>, Value<'a>)>,
    current: Option<&'v (Cow<'a, str>, Value<'a>)>,
}

impl<'v, 'a> Members<'v, 'a> {
    fn new(object: &'v Object<'a>) -> Self {
        Self {
            rest: object.0.iter(),
            current: None,
        }
    }
}

impl<'v> MapAccess<'v> for Members<'v, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        self.current = self.rest.find(|(_, value)| *value != Value::Null);
        self.current
            .map(|(name, _)| seed.deserialize(BorrowedStrDeserializer::new(name)))
            .transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let (name, value) = self.current.expect("serde asks for a value after its key");
        seed.deserialize(value).map_err(|error| error.within(name))
    }
}
