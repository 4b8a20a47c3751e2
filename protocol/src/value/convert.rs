//! To and from Rust values and `serde_json`, for content that is passed on without being understood.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{Object, Value};

impl From<bool> for Value<'_> {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<u64> for Value<'_> {
    fn from(int: u64) -> Self {
        i64::try_from(int).map_or(Self::Uint(int), Self::Int)
    }
}

impl From<u32> for Value<'_> {
    fn from(int: u32) -> Self {
        Self::Int(int.into())
    }
}

impl From<i64> for Value<'_> {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

/// Not finite becomes `null`: neither encoding has a form for it.
impl From<f64> for Value<'_> {
    fn from(float: f64) -> Self {
        if float.is_finite() {
            Self::Float(float)
        } else {
            Self::Null
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Object<'a>> for Value<'a> {
    fn from(object: Object<'a>) -> Self {
        Self::Object(object)
    }
}

impl<'a, T: Into<Value<'a>>> From<Vec<T>> for Value<'a> {
    fn from(array: Vec<T>) -> Self {
        Self::Array(array.into_iter().map(Into::into).collect())
    }
}

/// `None` becomes `null`.
impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Null, Into::into)
    }
}

impl Value<'static> {
    /// The tree of anything that serialises to JSON with text for names, as every type of this crate does.
    #[must_use]
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        serde_json::to_value(value)
            .expect("wire types have text for names and no failing fields")
            .into()
    }
}

impl From<serde_json::Value> for Value<'static> {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(bool) => Self::Bool(bool),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(int)) => Self::Uint(int),
                (None, None) => number.as_f64().into(),
            },
            serde_json::Value::String(text) => Self::Text(Cow::Owned(text)),
            serde_json::Value::Array(array) => array.into(),
            serde_json::Value::Object(object) => Self::Object(object.into_iter().collect()),
        }
    }
}

/// Byte strings become standard base64 text.
impl From<&Value<'_>> for serde_json::Value {
    fn from(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Int(int) => (*int).into(),
            Value::Uint(int) => (*int).into(),
            Value::Float(float) => (*float).into(),
            Value::Text(text) => Self::String(text.as_ref().to_owned()),
            Value::Bytes(bytes) => Self::String(STANDARD.encode(bytes)),
            Value::Array(array) => Self::Array(array.iter().map(Self::from).collect()),
            Value::Object(object) => Self::Object(
                object
                    .iter()
                    .map(|(name, value)| (name.to_owned(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}
