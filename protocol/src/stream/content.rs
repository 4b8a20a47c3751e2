//! Between the content of a payload and what is split and joined (atp.md 10.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Profile;
use crate::error::{Code, Fault, Scope};
use crate::fragment::{Body, Unit, split_bytes, split_text};
use crate::payload::Payload;
use crate::sign::fragment::{Checksum, full, merkle_root, short16};
use crate::units::Tier;
use crate::value::{Object, Value, canonical, json};

/// Bytes of a frame around its content, roughly.
const FRAME_BYTES: usize = 256;

/// What bytes of a blob are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enc {
    Json,
    Bytes,
}

impl Enc {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Bytes => "bytes",
        }
    }
}

/// Cuts a message into the payloads of its fragments: one if it is small. Checksums are set where agreed.
///
/// # Errors
/// `ETOOBIG` if it would take too many fragments.
pub(super) fn cut(
    mut payload: Payload<'static>,
    tier: Tier,
    profile: &Profile,
) -> Result<Vec<Payload<'static>>, Fault> {
    let pieces = pieces(&payload, tier, profile)?;
    if pieces.len() > profile.limits.fragments {
        return Err(
            Fault::new(Code::TooBig, "the message takes too many fragments; split it").scoped(Scope::Message),
        );
    }
    let [_, _, ..] = &pieces[..] else {
        return Ok(vec![with_checksum_of_one(payload, profile)]);
    };
    let root = profile
        .has_merkle
        .then(|| merkle_root(pieces.iter().map(|(body, _)| body.chunk())));
    let checksum = |body: &Body| match &root {
        Some(root) => Some(root.clone()),
        None => profile.has_checksum.then(|| full(body.chunk())),
    };
    let rest = rest(payload.content.take());
    Ok(pieces
        .into_iter()
        .map(|(body, enc)| Payload {
            checksum: checksum(&body).map(Into::into),
            content: Some(content(&rest, body, enc, profile)),
            ..payload.clone()
        })
        .collect())
}

/// The divisible part of a received fragment. `None` if its content cannot be part of a message.
pub(super) fn body(payload: &Payload<'_>) -> Option<Body> {
    match payload.content.as_ref()? {
        Value::Bytes(bytes) => Some(Body::Binary(bytes.to_vec().into())),
        Value::Object(object) => match (object.get("b64"), object.get("text")) {
            (Some(Value::Text(text)), _) => STANDARD
                .decode(text.as_bytes())
                .ok()
                .map(|bytes| Body::Binary(bytes.into())),
            (Some(Value::Bytes(bytes)), _) => Some(Body::Binary(bytes.to_vec().into())),
            (_, Some(Value::Text(text))) => Some(Body::Text(text.to_string())),
            _ => None,
        },
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Uint(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Array(_) => None,
    }
}

/// Puts a joined body into the payload of fragment 0.
///
/// # Errors
/// `EBAD_INPUT` if the joined bytes are not the JSON they claim to be.
pub(super) fn rejoin(payload: &mut Payload<'static>, body: Body, profile: &Profile) -> Result<(), Fault> {
    let is_json = payload
        .content
        .as_ref()
        .and_then(Value::as_object)
        .and_then(|object| object.get("enc"))
        .and_then(Value::as_text)
        == Some(Enc::Json.as_str());
    match body {
        Body::Text(text) => {
            if let Some(object) = payload.content.as_mut().and_then(Value::as_object_mut) {
                object.set("text", text);
            }
        }
        Body::Binary(bytes) if is_json => {
            let bad = || {
                Fault::new(
                    Code::BadInput,
                    "the joined fragments are not JSON within the limits",
                )
                .scoped(Scope::Message)
            };
            let text = std::str::from_utf8(&bytes).map_err(|_| bad())?;
            let value = json::parse(text, &profile.limits).map_err(|_| bad())?;
            payload.content = Some(value.into_owned());
        }
        Body::Binary(bytes) => payload.content = Some(Value::Bytes(bytes.to_vec().into())),
    }
    Ok(())
}

/// Whether an unfragmented message has this checksum. A Merkle root of one leaf is that leaf.
pub(super) fn admits(payload: &Payload<'_>, checksum: Checksum) -> bool {
    let Some(body) = whole(payload) else {
        return false;
    };
    match checksum {
        Checksum::Merkle(root) => merkle_root([body.chunk()]) == hex::encode(root),
        Checksum::Full(_) | Checksum::Short16(_) => checksum.admits(body.chunk()),
    }
}

fn with_checksum_of_one(mut payload: Payload<'static>, profile: &Profile) -> Payload<'static> {
    if !profile.has_checksum && !profile.has_merkle {
        return payload;
    }
    let checksum = whole(&payload).map(|body| match (profile.has_merkle, profile.is_legacy) {
        (true, _) => merkle_root([body.chunk()]),
        (false, true) => short16(body.chunk()),
        (false, false) => full(body.chunk()),
    });
    payload.checksum = checksum.map(Into::into);
    payload
}

/// A whole content as the bytes its checksum is over.
fn whole(payload: &Payload<'_>) -> Option<Body> {
    if let Some(body) = body(payload) {
        return Some(body);
    }
    let bytes = canonical_json(payload.content.as_ref()?)?;
    Some(Body::Binary(bytes.into()))
}

fn pieces(payload: &Payload<'_>, tier: Tier, profile: &Profile) -> Result<Vec<(Body, Enc)>, Fault> {
    let split = &profile.split;
    if let Some(text) = payload.text() {
        let limit = split.text_limit(tier);
        let units = match split.unit {
            Unit::Bytes => text.len(),
            Unit::CodePoints => text.chars().count(),
        };
        if units <= limit {
            return Ok(Vec::new());
        }
        let texts = split_text(text, limit, split.unit);
        return Ok(texts
            .into_iter()
            .map(|text| (Body::Text(text.to_owned()), Enc::Json))
            .collect());
    }
    let limit = split.binary_limit(tier);
    let (bytes, enc) = match &payload.content {
        None => return Ok(Vec::new()),
        Some(Value::Bytes(bytes)) => (bytes.to_vec(), Enc::Bytes),
        Some(value) if is_small(value, limit) => return Ok(Vec::new()),
        Some(value) => match canonical_json(value) {
            Some(text) => (text.into_bytes(), Enc::Json),
            // Bytes inside a tree have no JSON form; such content travels whole or not at all.
            None => return Ok(Vec::new()),
        },
    };
    if bytes.len() <= limit {
        return Ok(Vec::new());
    }
    let blobs = split_bytes(&bytes, limit);
    Ok(blobs
        .into_iter()
        .map(|blob| (Body::Binary(blob.to_vec().into()), enc))
        .collect())
}

/// The members that every fragment of a text repeats.
fn rest(content: Option<Value<'static>>) -> Object<'static> {
    let Some(Value::Object(mut rest)) = content else {
        return Object::new();
    };
    rest.remove("text");
    rest
}

fn content(rest: &Object<'static>, body: Body, enc: Enc, profile: &Profile) -> Value<'static> {
    match body {
        Body::Text(text) => {
            let mut object = rest.clone();
            object.set("text", text);
            Value::Object(object)
        }
        Body::Binary(bytes) if profile.is_cbor && enc == Enc::Bytes => Value::Bytes(bytes.to_vec().into()),
        Body::Binary(bytes) => {
            let mut object = Object::new();
            object.set("enc", enc.as_str());
            object.set("b64", STANDARD.encode(&bytes));
            Value::Object(object)
        }
    }
}

/// Whether the JSON form of a value is certainly not longer than `limit`.
fn is_small(value: &Value<'_>, limit: usize) -> bool {
    fn size(value: &Value<'_>) -> usize {
        // Escapes may grow a byte to six.
        let text = |text: &str| 2 + text.len() * 6;
        match value {
            Value::Null | Value::Bool(_) => 5,
            Value::Int(_) | Value::Uint(_) | Value::Float(_) => 26,
            Value::Text(inner) => text(inner),
            Value::Bytes(bytes) => bytes.len() * 2,
            Value::Array(array) => array.iter().map(|value| 1 + size(value)).sum::<usize>() + 2,
            Value::Object(object) => {
                object
                    .iter()
                    .map(|(name, value)| text(name) + 2 + size(value))
                    .sum::<usize>()
                    + 2
            }
        }
    }
    size(value) <= limit
}

/// ATP canonical JSON of any value. `None` if it holds bytes.
fn canonical_json(value: &Value<'_>) -> Option<String> {
    if let Value::Object(object) = value {
        return canonical::ascii(object, &[]).ok();
    }
    // The canonical form of an array is that of an object's member without the object around it.
    let mut around = Object::new();
    around.set("v", value.clone());
    let text = canonical::ascii(&around, &[]).ok()?;
    Some(text[r#"{"v":"#.len()..text.len() - 1].to_owned())
}

/// Bytes a payload takes up in a buffer, roughly.
pub(super) fn size(payload: &Payload<'_>) -> usize {
    fn of(value: &Value<'_>) -> usize {
        match value {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => 8,
            Value::Text(text) => text.len() + 2,
            Value::Bytes(bytes) => bytes.len(),
            Value::Array(array) => array.iter().map(of).sum(),
            Value::Object(object) => object
                .iter()
                .map(|(name, value)| name.len() + 4 + of(value))
                .sum(),
        }
    }
    FRAME_BYTES + payload.content.as_ref().map_or(0, of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::payload::Kind;
    use proptest::prelude::*;

    fn small(is_cbor: bool) -> Profile {
        let mut profile = Profile::legacy(Limits::DEFAULT);
        profile.is_legacy = false;
        profile.is_cbor = is_cbor;
        profile.has_checksum = true;
        profile.split.base_text = 16;
        profile.split.base_binary = 16;
        profile
    }

    fn rejoined(fragments: &[Payload<'static>], profile: &Profile) -> Payload<'static> {
        let mut first = fragments[0].clone();
        if fragments.len() > 1 {
            let bodies: Vec<Body> = fragments.iter().map(|fragment| body(fragment).unwrap()).collect();
            rejoin(&mut first, Body::join(&bodies).unwrap(), profile).unwrap();
        }
        first.checksum = None;
        first
    }

    fn json(text: &str) -> Value<'static> {
        json::parse(text, &Limits::DEFAULT).unwrap().into_owned()
    }

    #[test]
    fn only_text_is_cut_and_the_rest_repeated() {
        let content = json(r#"{"model":"m","text":"0123456789abcdefghij"}"#);
        let fragments = cut(
            Payload::new(Kind::AgentPartial, content.clone()),
            Tier::Bronze,
            &small(false),
        )
        .unwrap();
        assert_eq!(fragments.len(), 2);
        for (fragment, text) in fragments.iter().zip(["0123456789abcdef", "ghij"]) {
            assert_eq!(fragment.text(), Some(text));
            let object = fragment.content.as_ref().and_then(Value::as_object).unwrap();
            assert_eq!(object.get("model").and_then(Value::as_text), Some("m"));
            assert!(admits(
                fragment,
                Checksum::parse(fragment.checksum.as_deref().unwrap()).unwrap()
            ));
        }
        assert_eq!(rejoined(&fragments, &small(false)).content, Some(content));
    }

    #[test]
    fn other_content_is_cut_as_bytes() {
        for content in [
            json("[1,2,3,4,5,6,7,8,9,10,11,12]"),
            json(r#"{"data":{"k":"0123456789"}}"#),
            json(r#""é0123456789abcdef""#),
        ] {
            let fragments = cut(
                Payload::new(Kind::ToolResult, content.clone()),
                Tier::Bronze,
                &small(false),
            )
            .unwrap();
            assert!(fragments.len() > 1);
            assert_eq!(rejoined(&fragments, &small(false)).content, Some(content));
        }
    }

    #[test]
    fn bytes_travel_raw_in_cbor_and_as_base64_in_json() {
        let content = Value::Bytes(vec![7; 40].into());
        for is_cbor in [true, false] {
            let profile = small(is_cbor);
            let fragments = cut(
                Payload::new(Kind::AgentFinal, content.clone()),
                Tier::Bronze,
                &profile,
            )
            .unwrap();
            assert_eq!(fragments.len(), 3);
            assert_eq!(matches!(fragments[0].content, Some(Value::Bytes(_))), is_cbor);
            assert_eq!(rejoined(&fragments, &profile).content, Some(content.clone()));
        }
    }

    #[test]
    fn a_message_of_too_many_fragments_is_refused() {
        let payload = Payload::new(
            Kind::AgentFinal,
            json(&format!(r#"{{"text":"{}"}}"#, "x".repeat(16 * 4097))),
        );
        assert_eq!(
            cut(payload, Tier::Bronze, &small(false)).unwrap_err().code,
            Code::TooBig
        );
    }

    #[test]
    fn joined_bytes_that_are_not_json_are_bad_input() {
        let mut payload = Payload::new(Kind::ToolResult, json(r#"{"enc":"json","b64":""}"#));
        let fault = rejoin(&mut payload, Body::Binary("{".into()), &small(false)).unwrap_err();
        assert_eq!(fault.code, Code::BadInput);
    }

    proptest! {
        #[test]
        fn any_text_comes_back_whole(text in ".{0,120}", is_cbor in any::<bool>()) {
            let profile = small(is_cbor);
            let mut content = Object::new();
            content.set("text", text);
            let payload = Payload::new(Kind::AgentFinal, content.clone());
            let fragments = cut(payload, Tier::Gold, &profile).unwrap();
            prop_assert_eq!(rejoined(&fragments, &profile).content, Some(Value::Object(content)));
        }
    }
}
