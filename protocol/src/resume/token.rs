//! Resume tokens and who may use them (atp.md 13.1).

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Fault};
use crate::ids::{SessionId, StreamId, TenantId};
use crate::units::UnixMillis;

/// Random bytes of a token.
pub const TOKEN_BYTES: usize = 24;

/// A resume token in clear: shown to the client once, never stored, logged or formatted.
#[derive(Clone, PartialEq, Eq)]
pub struct ResumeToken([u8; TOKEN_BYTES]);

impl ResumeToken {
    /// A token of bytes drawn by the caller.
    #[must_use]
    pub const fn new(random: [u8; TOKEN_BYTES]) -> Self {
        Self(random)
    }

    /// Reads the 32 characters of base64url. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The 32 characters the client is given.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored instead of the token.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.0);
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        TokenHash(hash)
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeToken(…)")
    }
}

/// SHA-256 of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenHash([u8; 32]);

/// What a token is good for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Binding {
    /// Whose it is.
    pub tenant: TenantId,
    /// The session.
    pub session: SessionId,
    /// The stream to resume.
    pub stream: StreamId,
}

/// Why a token is not accepted; the client is told none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Never issued, used, or forgotten.
    Unknown,
    /// Strictly older than its time.
    Expired,
    /// Good for another stream. It stays valid for that.
    Elsewhere,
}

impl Refusal {
    /// What the client is told: the same for every reason.
    #[must_use]
    pub fn fault(self) -> Fault {
        Fault::new(Code::Resume, "open a new stream with the same idempotency key")
    }
}

/// Issued tokens by hash. A value: two replicas that apply the same calls hold the same tokens, so consumption is a
/// compare-and-set wherever calls are ordered.
///
/// Bound: `capacity` tokens; the oldest is forgotten for a new one, and its stream can then only be opened anew.
#[derive(Debug, Clone)]
pub struct TokenTable {
    capacity: usize,
    issued: BTreeMap<TokenHash, Issued>,
    /// Tokens by the order of issue.
    order: BTreeMap<u64, TokenHash>,
    next_stamp: u64,
}

#[derive(Debug, Clone)]
struct Issued {
    stamp: u64,
    binding: Binding,
    at: UnixMillis,
    ttl_ms: u64,
}

impl Issued {
    const fn is_expired(&self, now: UnixMillis) -> bool {
        now.0.saturating_sub(self.at.0) > self.ttl_ms
    }
}

impl TokenTable {
    /// No tokens.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self {
            capacity,
            issued: BTreeMap::new(),
            order: BTreeMap::new(),
            next_stamp: 0,
        }
    }

    /// Remembers a token given to a client. `now` is wall clock: tokens outlive processes.
    pub fn issue(&mut self, now: UnixMillis, token: TokenHash, binding: Binding, ttl_ms: u64) {
        self.revoke(token);
        if self.issued.len() >= self.capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.issued.remove(&oldest);
        }
        let stamp = self.next_stamp;
        self.next_stamp += 1;
        self.order.insert(stamp, token);
        let issued = Issued {
            stamp,
            binding,
            at: now,
            ttl_ms,
        };
        self.issued.insert(token, issued);
    }

    /// Uses a token up (`resumes_total`).
    ///
    /// # Errors
    /// [`Refusal`]. A token for another stream is not used up; an expired one is forgotten.
    pub fn consume(&mut self, now: UnixMillis, token: TokenHash, binding: &Binding) -> Result<(), Refusal> {
        let issued = self.issued.get(&token).ok_or(Refusal::Unknown)?;
        let outcome = if issued.is_expired(now) {
            Err(Refusal::Expired)
        } else if issued.binding == *binding {
            Ok(())
        } else {
            return Err(Refusal::Elsewhere);
        };
        self.revoke(token);
        outcome
    }

    /// Forgets a token whose stream has ended.
    pub fn revoke(&mut self, token: TokenHash) {
        if let Some(issued) = self.issued.remove(&token) {
            self.order.remove(&issued.stamp);
        }
    }

    /// Forgets expired tokens.
    pub fn prune(&mut self, now: UnixMillis) {
        self.issued.retain(|_, issued| !issued.is_expired(now));
        self.order.retain(|_, token| self.issued.contains_key(token));
    }
}

/// When a stream's token is replaced: at half its time (atp.md 13.1).
#[must_use]
pub const fn reissue_at(issued: UnixMillis, ttl_ms: u64) -> UnixMillis {
    UnixMillis(issued.0.saturating_add(ttl_ms / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(stream: &str) -> Binding {
        Binding {
            tenant: TenantId::new("acme").unwrap(),
            session: SessionId::new("s").unwrap(),
            stream: StreamId::new(stream).unwrap(),
        }
    }

    fn token(byte: u8) -> ResumeToken {
        ResumeToken::new([byte; TOKEN_BYTES])
    }

    #[test]
    fn a_token_is_thirty_two_characters_and_hidden_in_logs() {
        let token = token(0xff);
        assert_eq!(token.reveal().len(), 32);
        assert_eq!(ResumeToken::parse(&token.reveal()), Some(token.clone()));
        assert_eq!(ResumeToken::parse("short"), None);
        assert_eq!(format!("{token:?}"), "ResumeToken(…)");
    }

    #[test]
    fn another_tenant_cannot_use_a_token_nor_use_it_up() {
        let mut table = TokenTable::new(9);
        table.issue(UnixMillis(0), token(1).hash(), binding("a"), 1_000);
        let other = Binding {
            tenant: TenantId::new("evil").unwrap(),
            ..binding("a")
        };
        assert_eq!(
            table.consume(UnixMillis(1), token(1).hash(), &other),
            Err(Refusal::Elsewhere)
        );
        assert_eq!(
            table.consume(UnixMillis(1_000), token(1).hash(), &binding("a")),
            Ok(())
        );
        assert_eq!(
            table.consume(UnixMillis(1), token(1).hash(), &binding("a")),
            Err(Refusal::Unknown)
        );
    }

    #[test]
    fn the_oldest_token_gives_way() {
        let mut table = TokenTable::new(2);
        for byte in 1..=3 {
            table.issue(UnixMillis(0), token(byte).hash(), binding("a"), 1_000);
        }
        let mut consume = |byte| table.consume(UnixMillis(0), token(byte).hash(), &binding("a"));
        assert_eq!(
            (consume(1), consume(2), consume(3)),
            (Err(Refusal::Unknown), Ok(()), Ok(()))
        );
    }

    #[test]
    fn an_ended_stream_and_time_take_tokens_away() {
        let mut table = TokenTable::new(9);
        table.issue(UnixMillis(0), token(1).hash(), binding("a"), 1_000);
        table.issue(UnixMillis(0), token(2).hash(), binding("b"), 1_000);
        table.revoke(token(1).hash());
        table.prune(UnixMillis(1_000));
        assert_eq!(table.issued.len(), 1);
        table.prune(UnixMillis(1_001));
        assert!(table.issued.is_empty() && table.order.is_empty());
        assert_eq!(reissue_at(UnixMillis(10), 300_000), UnixMillis(150_010));
    }
}
