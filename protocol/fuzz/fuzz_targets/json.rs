//! A text message: the way in, the content by type, and what was accepted is accepted again unchanged.
#![no_main]

use atp_protocol::frame::{Encoded, Incoming, Outbound, Policy, encode, ingress};
use atp_protocol::limits::Limits;
use atp_protocol::payload::Body;
use atp_protocol::units::UnixMillis;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let policy = Policy::baseline(&Limits::DEFAULT);
    let receive = |text| ingress(UnixMillis(0), Incoming::Text(text), &policy, &mut |_| Ok(()));
    let Ok(received) = receive(text) else { return };
    let _ = Body::read(&received.frame.payload);
    let _ = received.frame.meta.as_ref().map(|meta| meta.task());
    let first = received.frame.into_owned();
    let out = Outbound::json(2 * Limits::DEFAULT.frame_bytes);
    let Ok(Encoded::Text(again)) = encode(first.clone(), &out) else {
        panic!("an accepted frame encodes")
    };
    let second = receive(&again).expect("what we send we accept").frame;
    assert_eq!(second.into_object(false), first.into_object(false));
});
