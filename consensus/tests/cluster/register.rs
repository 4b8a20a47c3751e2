//! A machine that is easy to check: registers that are set, added to, and compared.

use std::collections::BTreeMap;

use atp_consensus::command::{self, Body, CommandError, Tag};
use atp_consensus::machine::{Applied, Context, LoadError, Machine};
use serde::{Deserialize, Serialize};

/// Sets a register.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Set {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
}

impl Body for Set {
    const TAG: Tag = Tag {
        family: 900,
        variant: 1,
        schema: 1,
    };
    /// How many commands were applied, this one included.
    type Reply = u64;
}

/// Registers, and how many commands were applied.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registers {
    pub(crate) values: BTreeMap<String, Vec<u8>>,
    pub(crate) count: u64,
    pub(crate) last_us: u64,
}

impl Machine for Registers {
    type Effect = String;

    const FAMILIES: &'static [u16] = &[900];

    fn apply(&mut self, context: &Context, bytes: &[u8]) -> Result<Applied<String>, CommandError> {
        let (tag, body) = command::open(bytes)?;
        if tag != Set::TAG {
            return Err(CommandError::Unknown(tag));
        }
        let set: Set = command::body(body)?;
        assert!(
            context.now_us > self.last_us,
            "the clock goes on with each command"
        );
        self.last_us = context.now_us;
        self.values.insert(set.key.clone(), set.value);
        self.count += 1;
        Ok(Applied {
            reply: self.count.to_le_bytes().to_vec(),
            effects: vec![set.key],
        })
    }

    fn save(&self) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        atp_protocol::encoding::encode_into(self, &mut whole).unwrap();
        whole.chunks(1024 * 1024).map(<[u8]>::to_vec).collect()
    }

    fn load(pieces: &[Vec<u8>]) -> Result<Self, LoadError> {
        atp_protocol::encoding::decode(&pieces.concat())
            .map_err(|error| LoadError::Malformed(error.to_string()))
    }
}

/// The command that sets a register.
pub(crate) fn set(key: &str, value: impl Into<Vec<u8>>) -> Vec<u8> {
    command::encode(&Set {
        key: key.to_owned(),
        value: value.into(),
    })
    .unwrap()
}
