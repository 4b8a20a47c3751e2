//! Reading members of a client's body, with the member's name in every error.

use atp_protocol::error::{Code, Fault};
use serde::Deserialize;

use super::json::Object;

/// The body as an object.
pub(super) fn object(body: &[u8]) -> Result<Object<'_>, Fault> {
    // Members nobody here reads are passed on: what they hold must be text all the same.
    if std::str::from_utf8(body).is_err() {
        return Err(Fault::new(Code::Proto, "the body is not UTF-8"));
    }
    let object = Object::scan(body).map_err(|error| Fault::new(Code::Proto, format!("body: {error}")))?;
    match object.repeated() {
        // Readers differ in which one counts; what was checked here could be another than what is executed.
        Some(key) => Err(Fault::new(Code::Proto, format!("{key}: given more than once"))),
        None => Ok(object),
    }
}

/// The member, if it is there and not null.
pub(super) fn optional<'a, T: Deserialize<'a>>(object: &Object<'a>, key: &str) -> Result<Option<T>, Fault> {
    match object.get(key) {
        Some(text) => parse(text, key),
        None => Ok(None),
    }
}

/// The member.
pub(super) fn required<'a, T: Deserialize<'a>>(object: &Object<'a>, key: &str) -> Result<T, Fault> {
    optional(object, key)?.ok_or_else(|| wrong(key, "is missing"))
}

/// JSON text as a value of the wanted type, named `name` in errors.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8], name: &str) -> Result<T, Fault> {
    serde_json::from_slice(text).map_err(|error| {
        let said = error.to_string();
        // The position counts from the member's start, which nobody else can see.
        let what = said
            .rsplit_once(" at line ")
            .map_or(said.as_str(), |(what, _)| what);
        wrong(name, what)
    })
}

/// As [`parse`], of what has members: serde would take an array for them, in the order they are declared in.
pub(super) fn members<'a, T: Deserialize<'a>>(text: &'a [u8], name: &str) -> Result<T, Fault> {
    match text.first() {
        Some(b'{') => parse(text, name),
        _ => Err(wrong(name, "expected an object")),
    }
}

/// A value that is not acceptable.
pub(super) fn wrong(name: &str, what: &str) -> Fault {
    Fault::new(Code::BadInput, format!("{name}: {what}"))
}
