//! Frames between members: no input panics, and what was read reads back the same.
#![no_main]

use atp_protocol::link::{decode, encode};
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(frame)) = decode(&mut buffer) {
        let mut encoded = BytesMut::new();
        encode(&frame, &mut encoded);
        assert_eq!(decode(&mut encoded), Ok(Some(frame)));
    }
});
