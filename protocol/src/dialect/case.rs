//! `camelCase` and `snake_case` names of members.

use std::borrow::Cow;

use crate::value::{Malformed, Object};

/// `maxUsdMicros` to `max_usd_micros`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for char in name.chars() {
        if char.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(char.to_ascii_lowercase());
    }
    out
}

/// `max_usd_micros` to `maxUsdMicros`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut out, word| {
        let mut chars = word.chars();
        out.extend(chars.next().map(|char| char.to_ascii_uppercase()));
        out.push_str(chars.as_str());
        out
    })
}

/// The object with its own members, not theirs, in snake case.
///
/// # Errors
/// [`Malformed::Duplicate`] if two names become one.
pub(super) fn to_snake(object: Object<'_>) -> Result<Object<'_>, Malformed> {
    renamed(object, snake)
}

/// The object with its own members, not theirs, in camel case.
///
/// # Errors
/// As [`to_snake`].
pub(super) fn to_camel(object: Object<'_>) -> Result<Object<'_>, Malformed> {
    renamed(object, camel)
}

fn renamed(object: Object<'_>, rename: fn(&str) -> String) -> Result<Object<'_>, Malformed> {
    let mut out = Object::new();
    for (name, value) in object {
        let name = rename(&name);
        if out.get(&name).is_some() {
            return Err(Malformed::Duplicate { name });
        }
        out.push(Cow::Owned(name), value);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_cases_bring_each_other_back() {
        for (snaked, cameled) in [
            ("v", "v"),
            ("max_usd_micros", "maxUsdMicros"),
            ("session_id", "sessionId"),
        ] {
            assert_eq!(camel(snaked), cameled);
            assert_eq!(snake(cameled), snaked);
        }
    }

    #[test]
    fn two_names_that_become_one_are_refused() {
        let object: Object<'_> = [("sessionId", 1_u32), ("session_id", 2)].into_iter().collect();
        assert!(to_snake(object).is_err());
    }
}
