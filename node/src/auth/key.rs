//! API keys: `atp_<id>_<secret>`. The id finds the record, the secret is compared as a hash.

use atp_actors::environment::Random;
use blake3::Hash;

use crate::secret::Secret;

const PREFIX: &str = "atp_";
const ID_LEN: usize = 12;
const SECRET_LEN: usize = 40;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A key as a client presents it, taken apart.
pub struct ApiKey<'a> {
    /// Names the record.
    pub id: &'a str,
    secret: &'a str,
}

/// A new key.
pub struct Minted {
    /// Names the record.
    pub id: String,
    /// What is kept of the secret.
    pub hash: Hash,
    /// The key itself, to be shown once.
    pub key: Secret,
}

impl<'a> ApiKey<'a> {
    /// Takes a key apart; `None` when it is not of our form.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        (id.len() == ID_LEN && secret.len() == SECRET_LEN).then_some(Self { id, secret })
    }

    /// The hash to compare with what is kept.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(self.secret)
    }
}

impl Minted {
    /// A new key from 260 random bits.
    #[must_use]
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; ID_LEN + SECRET_LEN];
        random.fill(&mut bytes);
        let text: String = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
            .collect();
        let (id, secret) = text.split_at(ID_LEN);
        Self {
            id: id.to_owned(),
            hash: hash(secret),
            key: Secret::new(format!("{PREFIX}{id}_{secret}")),
        }
    }
}

/// The hash of a secret for its table. One fast hash is enough, because secrets are random and long; the context keeps a
/// stolen hash from being of use anywhere else.
pub(super) fn hash(secret: &str) -> Hash {
    Hash::from_bytes(blake3::derive_key(
        "atp-router 2026-11 api key at rest",
        secret.as_bytes(),
    ))
}
