//! One line: a record, and what chains it.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256};

use super::Flaw;

/// Characters of a hash in hex.
const HEX: usize = 64;

/// SHA-256 of a line without its `hash`. Displayed in lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hash([u8; HEX / 2]);

impl Hash {
    /// Of a line whose members but `hash` are `members`, braces left out.
    fn of(members: &str) -> Self {
        let mut context = Context::new(&SHA256);
        for part in ["{", members, "}"] {
            context.update(part.as_bytes());
        }
        let mut hash = Self::default();
        hash.0.copy_from_slice(context.finish().as_ref());
        hash
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Hash {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let mut hash = Self::default();
        // a line has one form only
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut hash.0) {
            Ok(()) if is_lower => Ok(hash),
            Ok(()) | Err(_) => Err(Flaw::Malformed),
        }
    }
}

/// Where a chain stands: its last line. The default is an empty chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The line's number; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// A line read back whose hash is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The record, a JSON object.
    pub record: &'a str,
    /// Itself.
    pub head: Head,
    /// Hash of the line before.
    pub prev: Hash,
    /// The last line that was durable when this one was written.
    pub synced: u64,
}

impl<'a> Line<'a> {
    /// Appends the line of `record` that follows `head`, with its line break, and returns where the chain stands then.
    ///
    /// `record`: a JSON object without line breaks.
    pub(super) fn push(out: &mut String, head: Head, synced: u64, record: &str) -> Head {
        debug_assert!(!record.contains('\n'), "a record is one line");
        let seq = head.seq + 1;
        let members = format!(
            r#""prev":"{}","record":{record},"seq":{seq},"synced":{synced}"#,
            head.hash
        );
        let hash = Hash::of(&members);
        out.push_str(&format!("{{\"hash\":\"{hash}\",{members}}}\n"));
        Head { seq, hash }
    }

    /// Reads a line, with its line break, whatever it follows.
    ///
    /// # Errors
    /// [`Flaw::Torn`], [`Flaw::Malformed`] or [`Flaw::Changed`].
    pub fn parse(line: &'a [u8]) -> Result<Self, Flaw> {
        let text = line.strip_suffix(b"\n").ok_or(Flaw::Torn)?;
        let text = std::str::from_utf8(text).map_err(|_| Flaw::Malformed)?;
        let (hash, members) = Self::split(text).ok_or(Flaw::Malformed)?;
        let hash: Hash = hash.parse()?;
        if hash != Hash::of(members) {
            return Err(Flaw::Changed);
        }
        Self::members(hash, members).ok_or(Flaw::Malformed)
    }

    /// The hash and the members that follow it.
    fn split(text: &str) -> Option<(&str, &str)> {
        let rest = text.strip_prefix(r#"{"hash":""#)?.strip_suffix('}')?;
        let (hash, rest) = rest.split_at_checked(HEX)?;
        Some((hash, rest.strip_prefix(r#"","#)?))
    }

    fn members(hash: Hash, members: &'a str) -> Option<Self> {
        let rest = members.strip_prefix(r#""prev":""#)?;
        let (prev, rest) = rest.split_at_checked(HEX)?;
        let rest = rest.strip_prefix(r#"","record":"#)?;
        let (rest, synced) = rest.rsplit_once(r#","synced":"#)?;
        let (record, seq) = rest.rsplit_once(r#","seq":"#)?;
        let head = Head {
            // a line after it has a number too
            seq: seq.parse().ok().filter(|seq| (1..u64::MAX).contains(seq))?,
            hash,
        };
        Some(Self {
            record,
            head,
            prev: prev.parse().ok()?,
            synced: synced.parse().ok()?,
        })
    }

    /// Whether this is the line after `head`.
    pub(super) fn follows(&self, head: Head) -> bool {
        self.head.seq == head.seq + 1 && self.prev == head.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_documented() {
        let mut out = String::new();
        let head = Line::push(&mut out, Head::default(), 0, r#"{"event":"x"}"#);
        let zeros = "0".repeat(64);
        // printf '{"prev":"<64 zeros>","record":{"event":"x"},"seq":1,"synced":0}' | sha256sum
        let hash = "5aa5896bf1c6249623ed937f53f5909507e137d68da61c9f0e50b0c68ed98cea";
        assert_eq!(
            out,
            format!(
                "{{\"hash\":\"{hash}\",\"prev\":\"{zeros}\",\"record\":{{\"event\":\"x\"}},\"seq\":1,\"synced\":0}}\n"
            )
        );
        assert_eq!((head.seq, head.hash.to_string().as_str()), (1, hash));
    }

    #[test]
    fn a_number_that_none_can_follow_is_no_line() {
        let read = |before: u64| {
            let mut out = String::new();
            let head = Head {
                seq: before,
                hash: Hash::default(),
            };
            Line::push(&mut out, head, 0, "{}");
            Line::parse(out.as_bytes()).map(|line| line.head.seq)
        };
        assert_eq!(read(u64::MAX - 2), Ok(u64::MAX - 1));
        assert_eq!(read(u64::MAX - 1), Err(Flaw::Malformed));
    }

    #[test]
    fn a_record_may_hold_what_looks_like_the_end_of_a_line() {
        let record = r#"{"a":{"record":{},"seq":1,"synced":2},"b":"\",\"seq\":3"}"#;
        let mut out = String::new();
        let head = Line::push(&mut out, Head::default(), 0, record);
        let line = Line::parse(out.as_bytes()).unwrap();
        assert_eq!((line.record, line.head), (record, head));
        assert!(line.follows(Head::default()) && !line.follows(head));
    }
}
