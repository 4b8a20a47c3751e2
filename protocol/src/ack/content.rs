//! `control.ack` content (atp.md 7.3).

use serde::{Deserialize, Serialize};

/// What a receiver has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The message acknowledged.
    pub msg_seq: u64,
    /// Its highest contiguous fragment; −1 if none.
    #[serde(default = "none")]
    pub ack_up_to: i64,
    /// It is complete.
    #[serde(default)]
    pub completed: bool,
    /// All messages of the lane up to this number are complete; absent from older peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cum: Option<u64>,
}

const fn none() -> i64 {
    -1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_peers_acknowledgement_is_read() {
        let ack: Ack = serde_json::from_str(r#"{"msg_seq":7,"completed":true}"#).unwrap();
        assert_eq!((ack.ack_up_to, ack.cum), (-1, None));
    }
}
