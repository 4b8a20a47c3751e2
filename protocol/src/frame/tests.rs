mod seals;
mod structure;
mod wire;

use super::*;
use crate::container::compressed::{Algorithm, deflate};
use crate::dialect;
use crate::error::{Code, Fault, Scope};
use crate::hello::Role;
use crate::ids::{KeyId, SessionId, StreamId};
use crate::limits::Limits;
use crate::payload::{Kind, Partial, Payload};
use crate::sign::{KeyRing, Keys, Secret, Strength, checksum, signature};
use crate::units::{Tier, UnixMillis, Window};
use crate::value::{Object, Value, cbor, json};

/// The wall clock of every test.
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// A frame that opens a stream.
const OPEN: &str = r#"{"v":1,"session_id":"s","stream_id":"t","msg_seq":1,"flags":["SYN"],"qos":"gold","ttl":8,
    "window":{"max_parallel":4,"max_tokens":80000,"max_usd_micros":500000},"meta":{"task_type":"qa"},
    "payload":{"type":"completion","content":{"prompt":"hi"}},"x_vendor":[1]}"#;

fn secret() -> Secret {
    Secret::new(&[5; 32], Strength::Production).unwrap()
}

/// `OPEN` with members set; `null` takes one out.
fn open_with(members: &[(&str, &str)]) -> String {
    let mut tree = json::parse(OPEN, &Limits::DEFAULT).unwrap().into_owned();
    let object = tree.as_object_mut().unwrap();
    for (name, text) in members {
        object.remove(name);
        if *text != "null" {
            object.set(
                (*name).to_owned(),
                json::parse(text, &Limits::DEFAULT).unwrap().into_owned(),
            );
        }
    }
    json::text(&tree).unwrap()
}

fn receive<'m>(text: &'m str, policy: &Policy<'_>) -> Result<Received<'m>, Fault> {
    ingress(NOW, Incoming::Text(text), policy, &mut |_| Ok(()))
}

fn baseline(text: &str) -> Result<Received<'_>, Fault> {
    receive(text, &Policy::baseline(&Limits::DEFAULT))
}
