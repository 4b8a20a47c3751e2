//! A client's body as the one sent upstream.

use bytes::Bytes;
use serde_json::json;

use crate::wire::Terms;
use crate::wire::json::{Malformed, Object, Patch};

/// Puts the router's terms into a Messages body; everything else stays byte for byte. A seed has no place in it.
///
/// # Errors
/// [`Malformed`] if `native` is not a JSON object.
pub fn edit(native: &[u8], terms: &Terms<'_>) -> Result<Bytes, Malformed> {
    let object = Object::scan(native)?;
    let mut patch = Patch::new(&object);
    patch.set("model", terms.model);
    if let Some(prompt) = terms.system {
        put_first(&object, &mut patch, prompt);
    }
    if terms.is_stream != (object.get("stream") == Some(b"true")) {
        patch.set("stream", &terms.is_stream);
    }
    if let Some(most) = terms.max_output_tokens {
        let asked: Option<u64> = object
            .get("max_tokens")
            .and_then(|text| serde_json::from_slice(text).ok());
        if asked.is_none_or(|asked| asked > most) {
            patch.set("max_tokens", &most);
        }
    }
    Ok(patch.apply())
}

/// Puts a prompt before the client's own, which is a string, an array of blocks, or nothing.
fn put_first(object: &Object<'_>, patch: &mut Patch<'_, '_>, prompt: &str) {
    if patch.prepend("system", &json!({ "type": "text", "text": prompt })) {
        return;
    }
    let own = object
        .get("system")
        .and_then(|text| serde_json::from_slice::<String>(text).ok());
    match own {
        Some(own) if !own.is_empty() => patch.set("system", &format!("{prompt}\n\n{own}")),
        _ => patch.set("system", prompt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms<'_> = Terms {
        model: "claude-sonnet-4-5",
        system: None,
        is_stream: false,
        max_output_tokens: None,
        seed: Some(1),
        is_single: true,
    };

    fn edited(native: &str, terms: &Terms<'_>) -> String {
        String::from_utf8(edit(native.as_bytes(), terms).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn only_what_the_router_decides_changes() {
        let native = r#"{"thinking":{"type":"enabled","budget_tokens":1.0e3}, "max_tokens" :4096,"model":"auto","messages":[]}"#;
        assert_eq!(edited(native, &TERMS), native.replace("auto", TERMS.model));
        let capped = Terms {
            max_output_tokens: Some(100),
            is_stream: true,
            ..TERMS
        };
        assert_eq!(
            edited(native, &capped),
            native
                .replace("auto", TERMS.model)
                .replace("4096", "100")
                .replace("[]}", "[],\"stream\":true}")
        );
    }

    #[test]
    fn a_persona_speaks_before_the_clients_system_prompt() {
        let terms = Terms {
            system: Some("P"),
            ..TERMS
        };
        assert!(edited(r#"{"model":"a"}"#, &terms).ends_with(r#","system":"P"}"#));
        assert!(edited(r#"{"model":"a","system":"own"}"#, &terms).ends_with(r#""system":"P\n\nown"}"#));
        assert!(
            edited(r#"{"model":"a","system":[{"type":"text","text":"own","cache_control":{"type":"ephemeral"}}]}"#, &terms)
                .ends_with(r#""system":[{"text":"P","type":"text"},{"type":"text","text":"own","cache_control":{"type":"ephemeral"}}]}"#)
        );
    }
}
