//! Messages of every client dialect, mapped in and answered.
#![no_main]

use atp_protocol::dialect::{Dialect, Endpoint, Mode, registered, reply};
use atp_protocol::frame::{Incoming, Policy, ingress};
use atp_protocol::limits::Limits;
use atp_protocol::units::UnixMillis;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let endpoint = Endpoint {
        session_id: Some("s"),
        ..Endpoint::default()
    };
    let modes = [Dialect::Ts, Dialect::Go, Dialect::Py].map(|dialect| Mode::Fixed(dialect, endpoint));
    for mode in modes.into_iter().chain([Mode::Detect(endpoint)]) {
        let policy = Policy {
            dialect: mode,
            ..Policy::baseline(&Limits::DEFAULT)
        };
        let received = ingress(UnixMillis(0), Incoming::Text(text), &policy, &mut |_| Ok(()));
        if let Ok(received) = received
            && let Some(dialect) = received.dialect
        {
            let _ = reply(dialect, &received.frame, UnixMillis(0));
            let _ = registered(dialect, &received.frame, UnixMillis(0));
        }
    }
});
