//! The spans of an object's members.

use std::borrow::Cow;
use std::ops::Range;

use jiter::{Jiter, JiterResult};
use smallvec::SmallVec;

/// The text is not one JSON object, or nests deeper than any request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object, wrong from byte {at} on")]
pub struct Malformed {
    /// Where reading stopped.
    pub at: usize,
}

/// One JSON object in `text`, by the spans of its members, in the order received.
#[derive(Debug)]
pub struct Object<'a> {
    pub(super) text: &'a [u8],
    pub(super) members: SmallVec<[Member<'a>; 16]>,
    /// Position of the closing brace.
    pub(super) close: usize,
}

#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) key: Cow<'a, str>,
    /// From the opening quote of the key to the end of the value.
    pub(super) span: Range<usize>,
    pub(super) value: Range<usize>,
}

impl<'a> Object<'a> {
    /// Scans `text`, which holds exactly one object and white space.
    ///
    /// # Errors
    /// [`Malformed`], also for nesting deeper than 200.
    pub fn scan(text: &'a [u8]) -> Result<Self, Malformed> {
        let mut tokens = Jiter::new(text);
        let mut object = Self {
            text,
            members: SmallVec::new(),
            close: 0,
        };
        match object.read(&mut tokens) {
            Ok(()) => Ok(object),
            Err(error) => Err(Malformed { at: error.index }),
        }
    }

    fn read(&mut self, tokens: &mut Jiter<'a>) -> JiterResult<()> {
        let mut end = 0;
        let mut key_len = tokens.next_object_bytes()?.map(<[u8]>::len);
        while let Some(len) = key_len {
            // Only white space, a brace and a comma can stand between the previous value and this quote.
            let start = end + memchr::memchr(b'"', &self.text[end..]).expect("a key was just read");
            let value = tokens.peek()?;
            let from = tokens.current_index();
            tokens.known_skip(value)?;
            end = tokens.current_index();
            self.members.push(Member {
                key: unescaped(&self.text[start..start + len + 2]),
                span: start..end,
                value: from..end,
            });
            key_len = tokens.next_key_bytes()?.map(<[u8]>::len);
        }
        self.close = tokens.current_index() - 1;
        tokens.finish()
    }

    /// The text of the member's value. Of several members of one name, the last one, as most readers take it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a [u8]> {
        let member = self.find(key)?;
        Some(&self.text[member.value.clone()])
    }

    /// A name that occurs more than once, if any: readers disagree about which counts.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        let mut keys: SmallVec<[&str; 16]> = self.members.iter().map(|member| member.key.as_ref()).collect();
        keys.sort_unstable();
        keys.windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| pair[0])
    }

    pub(super) fn position(&self, key: &str) -> Option<usize> {
        self.members.iter().rposition(|member| member.key == key)
    }

    pub(super) fn find(&self, key: &str) -> Option<&Member<'a>> {
        self.position(key).map(|at| &self.members[at])
    }
}

/// The name in a key's literal, quotes included.
fn unescaped(literal: &[u8]) -> Cow<'_, str> {
    let inner = &literal[1..literal.len() - 1];
    match (memchr::memchr(b'\\', inner), std::str::from_utf8(inner)) {
        (None, Ok(plain)) => Cow::Borrowed(plain),
        _ => Cow::Owned(serde_json::from_slice(literal).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_whatever_the_white_space_and_escapes() {
        let object =
            Object::scan(b" {\n \"mod\\u0065l\" : \"a\\\"b\" , \"n\":1e400,\"o\":{\"model\":2} } ").unwrap();
        assert_eq!(object.get("model"), Some(&b"\"a\\\"b\""[..]));
        assert_eq!(object.get("n"), Some(&b"1e400"[..]));
        assert_eq!(object.get("o"), Some(&b"{\"model\":2}"[..]));
        assert_eq!(object.get("p"), None);
        assert!(Object::scan(b"{}").unwrap().members.is_empty());
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for text in [
            &b""[..],
            b"[]",
            b"{",
            b"{}x",
            b"{\"a\"}",
            b"{\"a\":1,}",
            b"nul",
            b"{\"a\":\"\xff",
        ] {
            assert!(Object::scan(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(Object::scan(deep.as_bytes()).is_err());
    }

    #[test]
    fn repeated_names_are_reported() {
        let object = Object::scan(b"{\"a\":1,\"b\":2,\"\\u0061\":3}").unwrap();
        assert_eq!(object.repeated(), Some("a"));
        assert_eq!(object.get("a"), Some(&b"3"[..]));
    }
}
