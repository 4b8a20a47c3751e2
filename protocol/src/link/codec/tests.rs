use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Lane, Refusal};
use super::*;
use crate::cluster::NodeId;

fn bytes_of(frame: &Frame) -> BytesMut {
    let mut out = BytesMut::new();
    encode(frame, &mut out);
    out
}

/// Every kind once, with the bytes that version 1 gives it. They are read for ever.
fn samples() -> Vec<(Frame, &'static str)> {
    let id = Correlation(0x0102);
    let service = Service(7);
    let refusal = Refusal::new(Code::OVERLOADED, "no");
    let body = || Bytes::from_static(b"hi");
    let node = NodeId::new(3).unwrap();
    let window = 65_536;
    let hello = Hello {
        lane: Lane::Requests,
        node,
        window,
    };
    vec![
        (
            Frame::Hello(hello),
            "130000000101000000000000000000000203000000 0100",
        ),
        (
            Frame::Request {
                id,
                service,
                deadline_ms: 1000,
                body: body(),
            },
            "14000000 01 02 0000 0201000000000000 0700 e8030000 6869",
        ),
        (
            Frame::Response { id, body: body() },
            "0e000000 01 03 0000 0201000000000000 6869",
        ),
        (
            Frame::Refusal {
                id,
                refusal: refusal.clone(),
            },
            "10000000 01 04 0000 0201000000000000 0100 6e6f",
        ),
        (Frame::Cancel { id }, "0c000000 01 05 0000 0201000000000000"),
        (
            Frame::Open {
                id,
                service,
                body: body(),
            },
            "10000000 01 06 0000 0201000000000000 0700 6869",
        ),
        (
            Frame::Data { id, body: body() },
            "0e000000 01 07 0000 0201000000000000 6869",
        ),
        (Frame::End { id }, "0c000000 01 08 0000 0201000000000000"),
        (
            Frame::Reset {
                id,
                refusal: refusal.clone(),
            },
            "10000000 01 09 0000 0201000000000000 0100 6e6f",
        ),
        (
            Frame::Credit { id, bytes: 4096 },
            "10000000 01 0a 0000 0201000000000000 00100000",
        ),
        (Frame::Ping { stamp: 5 }, "0c000000 01 0b 0000 0500000000000000"),
        (Frame::Pong { stamp: 5 }, "0c000000 01 0c 0000 0500000000000000"),
        (
            Frame::Goodbye { refusal },
            "10000000 01 0d 0000 0000000000000000 0100 6e6f",
        ),
    ]
}

#[test]
fn frames_of_version_1_keep_their_bytes() {
    for (frame, golden) in samples() {
        let golden = hex::decode(golden.replace(' ', "")).unwrap();
        assert_eq!(hex::encode(bytes_of(&frame)), hex::encode(&golden));
        let mut buffer = BytesMut::from(golden.as_slice());
        assert_eq!(decode(&mut buffer), Ok(Some(frame)));
        assert!(buffer.is_empty());
    }
}

#[test]
fn a_cut_frame_is_waited_for_wherever_it_is_cut() {
    for (frame, _) in samples() {
        let whole = bytes_of(&frame);
        for cut in 0..whole.len() {
            let mut buffer = BytesMut::from(&whole[..cut]);
            assert_eq!(decode(&mut buffer), Ok(None), "{frame:?} cut at {cut}");
            assert_eq!(buffer.len(), cut, "nothing was taken");
        }
    }
}

#[test]
fn lengths_out_of_bounds_are_refused_before_anything_is_waited_for() {
    for length in [0, HEAD - 1, FRAME_MAX + 1, 0xffff_ffff] {
        let field = u32::try_from(length).unwrap().to_le_bytes();
        let mut buffer = BytesMut::from(field.as_slice());
        assert_eq!(decode(&mut buffer), Err(FrameError::Length(length)));
    }
}

#[test]
fn another_version_and_an_unknown_kind_are_named() {
    let mut later = bytes_of(&Frame::Ping { stamp: 1 });
    later[LENGTH] = 2;
    assert_eq!(decode(&mut later), Err(FrameError::Version(2)));
    let mut unknown = bytes_of(&Frame::Ping { stamp: 1 });
    unknown[LENGTH + 1] = 200;
    assert_eq!(decode(&mut unknown), Err(FrameError::Kind(200)));
}

#[test]
fn what_a_kind_does_not_have_is_refused() {
    let mut long = bytes_of(&Frame::Cancel { id: Correlation(1) });
    long[0] += 1;
    long.put_u8(0);
    assert_eq!(decode(&mut long), Err(FrameError::Malformed(kind::CANCEL)));
    let mut lane = bytes_of(&samples()[0].0);
    lane[LENGTH + HEAD] = 9;
    assert_eq!(decode(&mut lane), Err(FrameError::Malformed(kind::HELLO)));
}

#[test]
fn a_long_text_is_cut_at_a_character() {
    let refusal = Refusal::new(Code(300), "ä".repeat(TEXT_MAX));
    let mut buffer = bytes_of(&Frame::Goodbye { refusal });
    let Ok(Some(Frame::Goodbye { refusal })) = decode(&mut buffer) else {
        panic!("a goodbye");
    };
    assert_eq!(refusal.text, "ä".repeat(TEXT_MAX / 2));
}

#[test]
fn the_largest_body_makes_a_frame_that_is_read() {
    let body = Bytes::from(vec![7; super::super::BODY_MAX]);
    let frame = Frame::Request {
        id: Correlation(1),
        service: Service(1),
        deadline_ms: 1,
        body,
    };
    let mut buffer = bytes_of(&frame);
    assert_eq!(decode(&mut buffer), Ok(Some(frame)));
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let id = any::<u64>().prop_map(Correlation);
    let body = vec(any::<u8>(), 0..COPY_MAX * 2).prop_map(Bytes::from);
    let refusal = (any::<u16>(), ".{0,40}").prop_map(|(code, text)| Refusal::new(Code(code), text));
    (id, any::<u16>(), any::<u32>(), body, refusal, 0..12_u8).prop_map(
        |(id, service, number, body, refusal, kind)| {
            let service = Service(service);
            match kind {
                0 => Frame::Request {
                    id,
                    service,
                    deadline_ms: number,
                    body,
                },
                1 => Frame::Response { id, body },
                2 => Frame::Refusal { id, refusal },
                3 => Frame::Cancel { id },
                4 => Frame::Open { id, service, body },
                5 => Frame::Data { id, body },
                6 => Frame::End { id },
                7 => Frame::Reset { id, refusal },
                8 => Frame::Credit { id, bytes: number },
                9 => Frame::Ping { stamp: id.0 },
                10 => Frame::Pong { stamp: id.0 },
                _ => Frame::Goodbye { refusal },
            }
        },
    )
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_split(
        frames in vec(any_frame(), 1..8),
        cuts in vec(1..3000_usize, 1..20),
    ) {
        let mut wire = BytesMut::new();
        for frame in &frames {
            encode(frame, &mut wire);
        }
        let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
        for step in cuts.iter().cycle() {
            if wire.is_empty() {
                break;
            }
            let step = wire.split_to(wire.len().min(*step));
            buffer.extend_from_slice(&step);
            while let Some(frame) = decode(&mut buffer).unwrap() {
                read.push(frame);
            }
        }
        prop_assert_eq!(read, frames);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_waited_for(bytes in vec(any::<u8>(), 0..512), length in 0..600_u32, kind in 0..16_u8) {
        let mut framed = bytes.clone();
        if let Some(start) = framed.first_chunk_mut::<8>() {
            *start = [0, 0, 0, 0, VERSION, kind, 0, 0];
            start[..LENGTH].copy_from_slice(&length.to_le_bytes());
        }
        for input in [bytes, framed] {
            let mut buffer = BytesMut::from(input.as_slice());
            while let Ok(Some(frame)) = decode(&mut buffer) {
                let again = decode(&mut bytes_of(&frame));
                prop_assert_eq!(again, Ok(Some(frame)));
            }
            prop_assert!(buffer.len() <= input.len());
        }
    }
}
