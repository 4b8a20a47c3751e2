//! Reading a content: the error of every bad one.

use std::fmt::Display;

use serde::Deserialize;

use super::Payload;
use crate::error::{Code, Fault, Scope};
use crate::value::Value;

/// `EBAD_INPUT` of one message.
pub(super) fn bad(why: impl Display) -> Fault {
    Fault::new(Code::BadInput, format!("content: {why}")).scoped(Scope::Message)
}

/// The content as a `T`; an absent content reads as an empty object.
pub(super) fn content<'v, T: Deserialize<'v>>(payload: &'v Payload<'_>) -> Result<T, Fault> {
    static EMPTY: Value<'static> = Value::Object(crate::value::Object::new());
    payload.content.as_ref().unwrap_or(&EMPTY).read().map_err(bad)
}

/// `value` if it lies within `range`, else why not.
pub(super) fn within<T: PartialOrd + Display>(name: &str, value: T, min: T, max: T) -> Result<T, String> {
    if min <= value && value <= max {
        Ok(value)
    } else {
        Err(format!("{name} must be from {min} to {max}, not {value}"))
    }
}
