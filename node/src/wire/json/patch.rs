//! Splicing an object's text.

use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;

use super::Object;
use super::object::Member;

/// Changes to one object, applied in one pass over its text.
///
/// Each member is changed at most once. Added members come last, in the order added.
#[derive(Debug)]
pub struct Patch<'o, 'a> {
    object: &'o Object<'a>,
    /// Disjoint; in any order until applied.
    splices: Vec<(Range<usize>, Vec<u8>)>,
    removed: Vec<usize>,
    added: Vec<u8>,
}

impl<'o, 'a> Patch<'o, 'a> {
    /// No changes yet.
    #[must_use]
    pub const fn new(object: &'o Object<'a>) -> Self {
        Self {
            object,
            splices: Vec::new(),
            removed: Vec::new(),
            added: Vec::new(),
        }
    }

    /// Gives the member this value, in its place if it is there, else at the end.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        self.set_text(key, encoded(value));
    }

    /// The same with a value that is JSON text already.
    pub fn set_text(&mut self, key: &str, value: Vec<u8>) {
        if let Some(member) = self.object.find(key) {
            self.splices.push((member.value.clone(), value));
            return;
        }
        if !self.added.is_empty() {
            self.added.push(b',');
        }
        self.added.extend_from_slice(&encoded(key));
        self.added.push(b':');
        self.added.extend_from_slice(&value);
    }

    /// Puts `element` before the first one of the array that the member holds. `false`, and no change, if it holds none.
    pub fn prepend<T: Serialize>(&mut self, key: &str, element: &T) -> bool {
        let Some(value) = self.object.find(key).map(|member| member.value.clone()) else {
            return false;
        };
        let text = &self.object.text[value.clone()];
        if text.first() != Some(&b'[') {
            return false;
        }
        let mut inserted = encoded(element);
        if text[1..].trim_ascii_start().first() != Some(&b']') {
            inserted.push(b',');
        }
        let at = value.start + 1;
        self.splices.push((at..at, inserted));
        true
    }

    /// Takes the member out, every one of this name.
    pub fn remove(&mut self, key: &str) {
        let named = |(at, member): (usize, &Member<'_>)| (member.key == key).then_some(at);
        self.removed
            .extend(self.object.members.iter().enumerate().filter_map(named));
    }

    /// The text with the changes made.
    #[must_use]
    pub fn apply(mut self) -> Bytes {
        self.removed.sort_unstable();
        self.removed.dedup();
        for span in self.removed_spans() {
            self.splices.push((span, Vec::new()));
        }
        if !self.added.is_empty() {
            let is_alone = self.removed.len() == self.object.members.len();
            let mut text = if is_alone { Vec::new() } else { vec![b','] };
            text.append(&mut self.added);
            self.splices.push((self.object.close..self.object.close, text));
        }
        self.splices.sort_by_key(|(span, _)| span.start);

        let text = self.object.text;
        let grown: usize = self.splices.iter().map(|(_, with)| with.len()).sum();
        let mut out = Vec::with_capacity(text.len() + grown);
        let mut at = 0;
        for (span, with) in &self.splices {
            out.extend_from_slice(&text[at..span.start]);
            out.extend_from_slice(with);
            at = span.end;
        }
        out.extend_from_slice(&text[at..]);
        out.into()
    }

    /// Removed members with one comma each. A removed tail takes the comma before it, everything else the one behind.
    fn removed_spans(&self) -> Vec<Range<usize>> {
        let members = &self.object.members;
        let kept = members.len()
            - (0..members.len())
                .rev()
                .take_while(|at| self.removed.contains(at))
                .count();
        let mut spans: Vec<_> = self
            .removed
            .iter()
            .filter(|&&at| at < kept)
            .map(|&at| members[at].span.start..members[at + 1].span.start)
            .collect();
        if let Some(last) = members.last().filter(|_| kept < members.len()) {
            let from = match kept.checked_sub(1) {
                Some(before) => members[before].span.end,
                None => members[0].span.start,
            };
            spans.push(from..last.span.end);
        }
        spans
    }
}

fn encoded<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts, numbers and objects of ours have string keys and encode")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patched(text: &str, change: impl FnOnce(&mut Patch<'_, '_>)) -> String {
        let object = Object::scan(text.as_bytes()).unwrap();
        let mut patch = Patch::new(&object);
        change(&mut patch);
        String::from_utf8(patch.apply().to_vec()).unwrap()
    }

    #[test]
    fn untouched_bytes_stay_as_they_were() {
        let text = "{ \"model\" :\"a\",\t\"x\": 1.00e+02 ,\"\u{00e9}\":[1 , 2]}\n";
        assert_eq!(patched(text, |_| {}), text);
        assert_eq!(
            patched(text, |patch| patch.set("model", "b\"")),
            text.replace("\"a\"", "\"b\\\"\"")
        );
        assert_eq!(
            patched(text, |patch| patch.set("max_tokens", &5)),
            text.replace("]}", "],\"max_tokens\":5}")
        );
    }

    #[test]
    fn members_are_added_to_an_empty_object() {
        assert_eq!(
            patched("{ }", |patch| {
                patch.set("a", &1);
                patch.set("b", &2);
            }),
            "{ \"a\":1,\"b\":2}"
        );
    }

    #[test]
    fn elements_are_put_first() {
        assert_eq!(
            patched("{\"m\":[ 1]}", |patch| assert!(patch.prepend("m", &0))),
            "{\"m\":[0, 1]}"
        );
        assert_eq!(
            patched("{\"m\":[ ]}", |patch| assert!(patch.prepend("m", &0))),
            "{\"m\":[0 ]}"
        );
        assert_eq!(
            patched("{\"m\":\"x\"}", |patch| assert!(!patch.prepend("m", &0))),
            "{\"m\":\"x\"}"
        );
    }

    proptest! {
        #[test]
        fn a_patch_is_what_the_same_changes_make_of_the_parsed_object(
            keys in proptest::collection::btree_set("[a-f]", 0..6),
            removed in proptest::collection::btree_set("[a-f]", 0..4),
            set in proptest::collection::btree_set("[g-j]", 0..4),
            space in "[ \n\t]{0,2}",
        ) {
            let members: Vec<_> = keys.iter().map(|key| format!("{space}\"{key}\"{space}:{space}[1]{space}")).collect();
            let text = format!("{{{}{space}}}", members.join(","));
            let result = patched(&text, |patch| {
                removed.iter().for_each(|key| patch.remove(key));
                set.iter().for_each(|key| patch.set(key, &7));
            });
            let mut expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
            expected.retain(|key, _| !removed.contains(key));
            expected.extend(set.iter().map(|key| (key.clone(), 7.into())));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&result).unwrap(), serde_json::Value::Object(expected));
        }
    }
}
