//! Finds the send times that the upstream writes into its tokens, however the bytes are cut on their way.

use std::time::Duration;

/// `"@` opens a token that carries its send time in nanoseconds, a space ends it.
const OPENING: &[u8] = b"\"@";
/// Digits of the largest `u64`.
const MAX_DIGITS: usize = 20;

/// A scanner over the body of one stream.
#[derive(Debug, Default)]
pub struct SendTimes {
    /// The end of what was read, if a token may begin there: at most opening and digits.
    rest: Vec<u8>,
}

impl SendTimes {
    /// Reads on and calls `found` with the send time of each complete token, in order.
    pub fn read(&mut self, bytes: &[u8], mut found: impl FnMut(Duration)) {
        if self.rest.is_empty() {
            self.rest = scan(bytes, &mut found).to_vec();
        } else {
            let mut joined = std::mem::take(&mut self.rest);
            joined.extend_from_slice(bytes);
            self.rest = scan(&joined, &mut found).to_vec();
        }
    }
}

/// Returns the unfinished end of `bytes`.
fn scan<'a>(mut bytes: &'a [u8], found: &mut impl FnMut(Duration)) -> &'a [u8] {
    while let Some(start) = memchr::memmem::find(bytes, OPENING) {
        let digits = &bytes[start + OPENING.len()..];
        let length = digits
            .iter()
            .take(MAX_DIGITS + 1)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        match digits.get(length) {
            None => return &bytes[start..],
            Some(b' ') => {
                let text = std::str::from_utf8(&digits[..length]).unwrap_or_default();
                text.parse()
                    .ok()
                    .map(Duration::from_nanos)
                    .into_iter()
                    .for_each(&mut *found);
            }
            Some(_) => {}
        }
        bytes = &digits[length..];
    }
    if bytes.last() == OPENING.first() {
        &bytes[bytes.len() - 1..]
    } else {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(parts: &[&[u8]]) -> Vec<u128> {
        let mut times = Vec::new();
        let mut scanner = SendTimes::default();
        for part in parts {
            scanner.read(part, |sent| times.push(sent.as_nanos()));
        }
        times
    }

    #[test]
    fn only_tokens_with_a_send_time_count() {
        let body =
            br#"{"content":"@12 "},{"content":"@"},{"content":"@x "},{"content":"hi"},{"content":"@7 "}"#;
        assert_eq!(read(&[body]), [12, 7]);
    }

    proptest! {
        #[test]
        fn the_cut_of_the_bytes_changes_nothing(
            times in prop::collection::vec(any::<u64>(), 0..20),
            cuts in prop::collection::vec(1_usize..40, 1..50),
        ) {
            let body: String = times.iter().map(|time| format!("data: {{\"content\":\"@{time} \"}}\n\n")).collect();
            let mut parts = Vec::new();
            let mut rest = body.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (part, after) = rest.split_at((*cut).min(rest.len()));
                parts.push(part);
                rest = after;
            }
            let expected: Vec<u128> = times.into_iter().map(u128::from).collect();
            prop_assert_eq!(read(&parts), expected);
        }
    }
}
