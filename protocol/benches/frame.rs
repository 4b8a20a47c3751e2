//! The way in of one frame, on one core: a text message of 1 KiB to a checked [`Frame`](atp_protocol::frame::Frame).
//!
//! Target: 300 000 frames a second (design section 10: a decision costs 300 us at most, and a frame must not show in it).

use std::hint::black_box;

use atp_protocol::frame::{Incoming, Policy, Required, ingress};
use atp_protocol::limits::Limits;
use atp_protocol::payload::Body;
use atp_protocol::sign::{Keys, Secret, Strength, signature};
use atp_protocol::units::UnixMillis;
use atp_protocol::value::{cbor, json};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A request as a client opens a stream with it: all members, metadata, and a prompt that fills up 1 KiB.
fn opening_frame() -> String {
    let head = r#"{"v":1,"session_id":"sess_7c1f0a2b","stream_id":"task_4b9e61d0","msg_seq":12,"frag_seq":0,"flags":["SYN"],"qos":"gold","ttl":8,"window":{"max_parallel":4,"max_tokens":80000,"max_usd_micros":500000},"meta":{"task_type":"code_review","languages":["py","ts"],"risk":"medium","data_scope":["no_secrets","us_personal_data:forbidden"],"trace":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},"tool_permissions":["fs.read"],"deadline_ms":30000},"payload":{"type":"agent.request","content":{"messages":[{"role":"system","content":"You review code."},{"role":"user","content":""#;
    let tail = r#""}],"max_tokens":512,"quality":"balanced","latency_slo_ms":5000,"temperature":0.7}}}"#;
    let prompt = "Is the audience of the token checked? ".repeat(32);
    format!("{head}{}{tail}", &prompt[..1024 - head.len() - tail.len()])
}

fn way_in(c: &mut Criterion) {
    let text = opening_frame();
    let policy = Policy::baseline(&Limits::DEFAULT);
    let receive = |message, policy: &Policy<'_>| {
        ingress(UnixMillis(0), message, policy, &mut |_| Ok(()))
            .expect("the frame is sound")
            .frame
            .msg_seq
    };
    let mut group = c.benchmark_group("frame 1 KiB");
    group.throughput(Throughput::Elements(1));
    group.bench_function("json: decode and validate", |b| {
        b.iter(|| receive(Incoming::Text(black_box(&text)), &policy));
    });
    group.bench_function("json: and read the request", |b| {
        b.iter(|| {
            let received = ingress(
                UnixMillis(0),
                Incoming::Text(black_box(&text)),
                &policy,
                &mut |_| Ok(()),
            );
            Body::read(&received.expect("the frame is sound").frame.payload).expect("the request is sound")
        });
    });

    let tree = json::parse(&text, &Limits::DEFAULT).expect("JSON");
    let binary = cbor::encode(&tree);
    let accepting = Policy {
        accepts_cbor: true,
        ..policy
    };
    group.bench_function("cbor: decode and validate", |b| {
        b.iter(|| receive(Incoming::Binary(black_box(&binary)), &accepting));
    });

    let secret = Secret::new(&[7; 32], Strength::Production).expect("32 bytes");
    let mut signed = tree.into_owned();
    let members = signed.as_object_mut().expect("an object");
    let sig = signature::of(members, &secret).expect("no byte strings");
    members.set("sig", sig);
    let signed = json::text(&signed).expect("no byte strings");
    let verifying = Policy {
        keys: Keys {
            ring: None,
            default: Some(&secret),
        },
        required: Required {
            sig: true,
            ..Required::default()
        },
        ..policy
    };
    group.bench_function("json: and verify the signature", |b| {
        b.iter(|| receive(Incoming::Text(black_box(&signed)), &verifying));
    });
    group.finish();
}

criterion_group!(benches, way_in);
criterion_main!(benches);
