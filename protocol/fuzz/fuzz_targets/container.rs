//! Binary messages: `ATPC`, `ATPZ`, bare CBOR, told by their first bytes. Every other input is made into an envelope with a
//! valid CRC and MAC, so that what comes after them is reached.
#![no_main]

use atp_protocol::container::envelope;
use atp_protocol::frame::{Incoming, Policy, ingress};
use atp_protocol::limits::Limits;
use atp_protocol::sign::{Keys, Secret, Strength};
use atp_protocol::units::UnixMillis;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let secret = Secret::new(&[0; 32], Strength::Production).expect("32 bytes");
    let policy = Policy {
        accepts_cbor: true,
        accepts_compressed: true,
        keys: Keys {
            ring: None,
            default: Some(&secret),
        },
        ..Policy::baseline(&Limits::DEFAULT)
    };
    let receive = |bytes: &[u8]| {
        drop(ingress(
            UnixMillis(0),
            Incoming::Binary(bytes),
            &policy,
            &mut |_| Ok(()),
        ))
    };
    receive(bytes);
    if let Some((first, rest)) = bytes.split_first() {
        if first & 1 == 1 {
            receive(&envelope::seal(rest, &secret, None));
        }
    }
});
