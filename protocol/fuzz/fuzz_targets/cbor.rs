//! CBOR: no input panics, and the deterministic form of what was read reads back the same.
#![no_main]

use atp_protocol::limits::Limits;
use atp_protocol::value::cbor;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = cbor::parse(bytes, &Limits::DEFAULT) else {
        return;
    };
    let encoded = cbor::encode(&value);
    let again = cbor::parse(&encoded, &Limits::DEFAULT).expect("our own form is read");
    assert_eq!(cbor::encode(&again), encoded);
});
