//! NDJSON records out of a reply's body.

use std::time::Duration;

use bytes::BytesMut;
use hyper::body::Incoming;
use memchr::memchr;
use serde_json::Value;
use tokio::time::timeout;

use crate::ctl::Failure;
use crate::ctl::client::next;

/// Largest record in bytes.
const RECORD_MAX: usize = 32 << 20;

/// The records of one answer.
pub(super) struct Records {
    body: Incoming,
    buffer: BytesMut,
    patience: Duration,
}

impl Records {
    pub(super) fn new(body: Incoming, patience: Duration) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            patience,
        }
    }

    /// The next record; `None` at the end of the answer.
    pub(super) async fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            if let Some(record) = take(&mut self.buffer)? {
                return Ok(Some(record));
            }
            if self.buffer.len() > RECORD_MAX {
                return Err(Failure::Unexpected(format!(
                    "a record is over {} MiB",
                    RECORD_MAX >> 20
                )));
            }
            let piece = timeout(self.patience, next(&mut self.body))
                .await
                .map_err(|_| Failure::Unexpected("the node is silent past the deadline".to_owned()))??;
            match piece {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None if self.buffer.is_empty() => return Ok(None),
                // A last line without its end was cut.
                None => {
                    return Err(Failure::Unexpected(
                        "the answer breaks off within a record".to_owned(),
                    ));
                }
            }
        }
    }
}

/// The first whole line of the buffer, blank ones skipped.
fn take(buffer: &mut BytesMut) -> Result<Option<Value>, Failure> {
    while let Some(end) = memchr(b'\n', buffer) {
        let line = buffer.split_to(end + 1);
        if line.trim_ascii().is_empty() {
            continue;
        }
        return serde_json::from_slice(&line)
            .map(Some)
            .map_err(|error| Failure::Unexpected(format!("a record is not JSON: {error}")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_whole_lines() {
        let mut buffer = BytesMut::from(&b"{\"a\":1}\n\n{\"b\""[..]);
        assert_eq!(
            take(&mut buffer).expect("JSON"),
            Some(serde_json::json!({ "a": 1 }))
        );
        assert_eq!(take(&mut buffer).expect("no line"), None);
        buffer.extend_from_slice(b":2}\n");
        assert_eq!(
            take(&mut buffer).expect("JSON"),
            Some(serde_json::json!({ "b": 2 }))
        );
        buffer.extend_from_slice(b"nonsense\n");
        assert!(take(&mut buffer).is_err());
    }
}
