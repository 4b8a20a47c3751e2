//! A client's body as the one sent upstream.

use bytes::Bytes;

use super::body::SystemTurn;
use super::{LimitMember, OWN_MEMBERS};
use crate::wire::Terms;
use crate::wire::json::{Malformed, Object, Patch};

/// A body to be sent, and what the client had asked for.
#[derive(Debug)]
pub struct Edited {
    /// The body.
    pub body: Bytes,
    /// Whether the client itself wanted the usage chunk; else it must not see it.
    pub wants_usage: bool,
}

/// Puts the router's terms into a chat body; everything else stays byte for byte.
///
/// A stream is always asked for its usage, whatever the client wanted, because the hold is settled by it.
///
/// # Errors
/// [`Malformed`] if `native` is not a JSON object.
pub fn edit(native: &[u8], terms: &Terms<'_>, limit: LimitMember) -> Result<Edited, Malformed> {
    let object = Object::scan(native)?;
    let mut patch = Patch::new(&object);
    patch.set("model", terms.model);
    if let Some(prompt) = terms.system {
        patch.prepend("messages", &SystemTurn::of(prompt));
    }
    for member in OWN_MEMBERS {
        patch.remove(member);
    }
    let mut wants_usage = false;
    if terms.is_stream {
        wants_usage = include_usage(&object, &mut patch);
    } else {
        patch.remove("stream_options");
    }
    if terms.is_stream != is_true(object.get("stream")) {
        patch.set("stream", &terms.is_stream);
    }
    if terms.is_single && number(&object, "n").is_some_and(|n| n > 1) {
        patch.set("n", &1);
    }
    if let Some(most) = terms.max_output_tokens {
        cap(&object, &mut patch, most, limit);
    }
    if let Some(seed) = terms.seed.filter(|_| is_absent(object.get("seed"))) {
        patch.set("seed", &sampling_seed(seed));
    }
    Ok(Edited {
        body: patch.apply(),
        wants_usage,
    })
}

/// Puts the model's name into an embeddings body.
///
/// # Errors
/// [`Malformed`] if `native` is not a JSON object.
pub fn edit_embeddings(native: &[u8], model: &str) -> Result<Bytes, Malformed> {
    let object = Object::scan(native)?;
    let mut patch = Patch::new(&object);
    patch.set("model", model);
    Ok(patch.apply())
}

/// What every server takes for a seed: 31 bits.
pub(super) const fn sampling_seed(seed: u64) -> u64 {
    seed & 0x7FFF_FFFF
}

/// Asks for usage. Whether the client had done so.
fn include_usage(object: &Object<'_>, patch: &mut Patch<'_, '_>) -> bool {
    let options = object
        .get("stream_options")
        .and_then(|text| Object::scan(text).ok());
    let Some(options) = options else {
        patch.set_text("stream_options", br#"{"include_usage":true}"#.to_vec());
        return false;
    };
    if is_true(options.get("include_usage")) {
        return true;
    }
    let mut inner = Patch::new(&options);
    inner.set("include_usage", &true);
    patch.set_text("stream_options", inner.apply().to_vec());
    false
}

/// Lowers whichever limits are there; adds one if there is none.
fn cap(object: &Object<'_>, patch: &mut Patch<'_, '_>, most: u64, limit: LimitMember) {
    let mut has_limit = false;
    for member in [LimitMember::MaxTokens, LimitMember::MaxCompletionTokens] {
        let member = member.as_str();
        if is_absent(object.get(member)) {
            continue;
        }
        has_limit = true;
        if number(object, member).is_none_or(|asked| asked > most) {
            patch.set(member, &most);
        }
    }
    if !has_limit {
        patch.set(limit.as_str(), &most);
    }
}

fn number(object: &Object<'_>, key: &str) -> Option<u64> {
    serde_json::from_slice(object.get(key)?).ok()
}

fn is_true(value: Option<&[u8]>) -> bool {
    value == Some(b"true")
}

fn is_absent(value: Option<&[u8]>) -> bool {
    value.is_none_or(|text| text == b"null")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms<'_> = Terms {
        model: "gpt-4o-mini",
        system: None,
        is_stream: false,
        max_output_tokens: None,
        seed: None,
        is_single: false,
    };

    fn edited(native: &str, terms: &Terms<'_>) -> String {
        let edited = edit(native.as_bytes(), terms, LimitMember::MaxTokens).unwrap();
        String::from_utf8(edited.body.to_vec()).unwrap()
    }

    #[test]
    fn only_what_the_router_decides_changes() {
        let native = r#"{ "logit_bias":{"50256":-1e2} ,"model":"auto","cost_limit":0.05, "messages":[ {"role":"user","content":"h\u00e9"}],"x":12345678901234567890123}"#;
        assert_eq!(
            edited(native, &TERMS),
            r#"{ "logit_bias":{"50256":-1e2} ,"model":"gpt-4o-mini","messages":[ {"role":"user","content":"h\u00e9"}],"x":12345678901234567890123}"#
        );
    }

    #[test]
    fn a_stream_is_asked_for_its_usage() {
        let stream = Terms {
            is_stream: true,
            ..TERMS
        };
        let edit_stream = |native: &str| edit(native.as_bytes(), &stream, LimitMember::MaxTokens).unwrap();
        let plain = edit_stream(r#"{"model":"a","stream":true}"#);
        assert!(!plain.wants_usage);
        assert_eq!(
            &plain.body[..],
            br#"{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true}}"#
        );
        let asked =
            edit_stream(r#"{"model":"a","stream":true,"stream_options":{"x":1, "include_usage":true}}"#);
        assert!(asked.wants_usage);
        assert!(
            asked
                .body
                .ends_with(br#""stream_options":{"x":1, "include_usage":true}}"#)
        );
        let denied =
            edit_stream(r#"{"stream_options":{"include_usage":false,"x":1},"model":"a","stream":true}"#);
        assert!(!denied.wants_usage);
        assert!(
            denied
                .body
                .starts_with(br#"{"stream_options":{"include_usage":true,"x":1},"#)
        );
        let absent = edit_stream(r#"{"stream_options":null,"model":"a"}"#);
        assert_eq!(
            &absent.body[..],
            br#"{"stream_options":{"include_usage":true},"model":"gpt-4o-mini","stream":true}"#
        );
    }

    #[test]
    fn output_is_capped_by_what_is_paid_for() {
        let capped = |native: &str| {
            edited(
                native,
                &Terms {
                    max_output_tokens: Some(100),
                    ..TERMS
                },
            )
        };
        assert!(capped(r#"{"model":"a"}"#).ends_with(r#","max_tokens":100}"#));
        assert!(capped(r#"{"model":"a","max_tokens":null}"#).ends_with(r#""max_tokens":100}"#));
        assert!(capped(r#"{"model":"a","max_tokens":99}"#).ends_with(r#""max_tokens":99}"#));
        assert!(
            capped(r#"{"model":"a","max_completion_tokens":1000}"#)
                .ends_with(r#""max_completion_tokens":100}"#)
        );
        assert!(capped(r#"{"model":"a","max_tokens":1e9}"#).ends_with(r#""max_tokens":100}"#));
        assert!(
            capped(r#"{"model":"a","n":4}"#).ends_with(r#""n":4,"max_tokens":100}"#),
            "each choice has its own"
        );
    }

    #[test]
    fn a_single_choice_a_persona_and_a_seed_are_put_in() {
        let terms = Terms {
            is_single: true,
            system: Some("Be brief."),
            seed: Some(u64::MAX),
            ..TERMS
        };
        assert_eq!(
            edited(
                r#"{"model":"a","n":3,"messages":[{"role":"user","content":"x"}]}"#,
                &terms
            ),
            r#"{"model":"gpt-4o-mini","n":1,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"x"}],"seed":2147483647}"#
        );
        assert!(edited(r#"{"model":"a","seed":5}"#, &terms).contains(r#""seed":5"#));
    }

    #[test]
    fn an_embeddings_body_changes_in_its_model_only() {
        let body =
            edit_embeddings(br#"{"input":["a","b"],"model":"auto","dimensions":256}"#, "te-3").unwrap();
        assert_eq!(
            &body[..],
            br#"{"input":["a","b"],"model":"te-3","dimensions":256}"#
        );
    }
}
