//! Lanes are delivered in order, once and without a gap, whatever the wire does.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::fixture::{Side, Wire, config, connected_with, key, meta, payload, request, window};
use crate::connection::{Config, Event, Output};
use crate::frame::Frame;
use crate::ids::{CloneId, LaneId, PersonaId};
use crate::payload::Kind;
use crate::units::{Millis, Tier};

const FEATURES: &[&str] = &["nack", "resume", "checksum"];

/// A fragment is lost at most so often, so that the bounded number of resends suffices.
const LOSSES_MAX: u32 = 2;

/// What the wire does to frames: consumed one byte a frame, then again from the start.
struct Weather {
    bytes: Vec<u8>,
    at: usize,
    lost: BTreeMap<String, u32>,
}

impl Weather {
    /// Delays of the copies of a frame that arrive.
    fn next(&mut self, frame: &Frame<'_>) -> Vec<u64> {
        let byte = self.bytes[self.at % self.bytes.len()];
        self.at += 1;
        let name = format!(
            "{:?} {:?} {} {}",
            frame.payload.kind,
            frame.lane(),
            frame.msg_seq,
            frame.frag_seq
        );
        let lost = self.lost.entry(name).or_default();
        match byte {
            0..=40 if *lost < LOSSES_MAX => {
                *lost += 1;
                Vec::new()
            }
            41..=60 => vec![1, 60],
            _ => vec![u64::from(byte % 8) * 15],
        }
    }
}

/// What was sent or delivered, lane by lane: the text of each message.
type Lanes = BTreeMap<LaneId, Vec<String>>;

fn lane(number: u8) -> LaneId {
    match number {
        0 => LaneId::default(),
        _ => LaneId {
            persona: Some(PersonaId::new("p").unwrap()),
            clone: Some(CloneId(number.into())),
        },
    }
}

struct Run {
    wire: Wire,
    weather: Weather,
    in_flight: Vec<(Millis, u64, Side, Frame<'static>)>,
    sent: BTreeMap<Side, Lanes>,
    stamps: u64,
}

impl PartialOrd for Side {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Side {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

impl Run {
    fn new(bytes: Vec<u8>) -> Self {
        let patient = Config {
            max_nacks: 16,
            ..config()
        };
        let mut wire = connected_with(FEATURES, patient);
        let out = wire
            .client
            .open(
                wire.now,
                key("a"),
                (Tier::Bronze, window()),
                meta(&[]),
                request("open"),
            )
            .unwrap();
        wire.pass(Side::Client, out);
        let out = wire.router.accept(wire.now, &key("a"), window(), None);
        wire.pass(Side::Router, out);
        wire.client.events();
        wire.router.events();
        Self {
            wire,
            weather: Weather {
                bytes,
                at: 0,
                lost: BTreeMap::new(),
            },
            in_flight: Vec::new(),
            sent: BTreeMap::new(),
            stamps: 0,
        }
    }

    fn say(&mut self, side: Side, number: u8, fragments: usize) {
        let lane = lane(number);
        let lanes = self.sent.entry(side).or_default();
        let texts = lanes.entry(lane.clone()).or_default();
        let text = format!("{}-", texts.len()) + &"é".repeat(fragments * 4_096);
        texts.push(text.clone());
        let kind = match (side, texts.len() % 2) {
            (Side::Client, _) => Kind::AgentRequest,
            (Side::Router, 0) => Kind::AgentPartial,
            (Side::Router, _) => Kind::AgentQuestion,
        };
        let now = self.wire.now;
        let message = payload(kind, &text).in_lane(&lane);
        let out = self.wire.end(side).send(now, &key("a"), message, false).unwrap();
        self.launch(side, out);
    }

    fn launch(&mut self, from: Side, out: Vec<Output>) {
        for frame in self.wire.end(from).absorb(out) {
            for delay in self.weather.next(&frame) {
                self.stamps += 1;
                let at = self.wire.now.plus(delay);
                self.in_flight.push((at, self.stamps, from, frame.clone()));
            }
        }
    }

    fn run(&mut self, until: Millis) {
        loop {
            self.in_flight.sort_by_key(|&(at, stamp, ..)| (at, stamp));
            let arrival = self.in_flight.first().map(|&(at, ..)| at);
            let wire = &self.wire;
            let due = [arrival, wire.client.next_deadline(), wire.router.next_deadline()];
            let Some(next) = due.into_iter().flatten().min().filter(|next| *next <= until) else {
                break;
            };
            self.wire.now = self.wire.now.max(next);
            let now = self.wire.now;
            while self.in_flight.first().is_some_and(|&(at, ..)| at <= now) {
                let (_, _, from, frame) = self.in_flight.remove(0);
                let to = if from == Side::Client {
                    Side::Router
                } else {
                    Side::Client
                };
                let out = self.wire.end(to).receive(now, frame);
                self.launch(to, out);
            }
            for side in [Side::Client, Side::Router] {
                let out = self.wire.end(side).tick(now, 0.3);
                self.launch(side, out);
            }
        }
        self.wire.now = until;
    }

    /// The connection breaks, with everything on the wire lost; the stream goes on over another that loses nothing.
    fn reconnect(self) -> BTreeMap<Side, Lanes> {
        let Wire {
            mut client,
            mut router,
            now,
        } = self.wire;
        let events = (client.events(), router.events());
        let theirs = client.detach().0.remove(0);
        let ours = router.detach().0.remove(0);
        let mut wire = connected_with(FEATURES, config());
        wire.now = now;
        wire.client.heard(now);
        wire.router.heard(now);
        let out = wire.client.resume(now, theirs, "t".to_owned());
        wire.pass(Side::Client, out);
        let asked = wire.router.events();
        let [Event::Resume { request, .. }] = &asked[..] else {
            panic!("{asked:?}")
        };
        let out = wire.router.attach(now, ours, request, window(), "u".to_owned());
        wire.pass(Side::Router, out);
        let heard = |before: Vec<Event>, after: Vec<Event>| lanes(before.into_iter().chain(after));
        BTreeMap::from([
            (Side::Client, heard(events.1, wire.router.events())),
            (Side::Router, heard(events.0, wire.client.events())),
        ])
    }
}

/// What a user was told, pieces of a message put together.
fn lanes(events: impl Iterator<Item = Event>) -> Lanes {
    let mut last: BTreeMap<LaneId, u64> = BTreeMap::new();
    let mut lanes = Lanes::new();
    for event in events {
        match event {
            Event::Message { frame, .. } => {
                let lane = frame.lane();
                let texts = lanes.entry(lane.clone()).or_default();
                let text = frame.payload.text().unwrap_or_default();
                match texts.last_mut() {
                    Some(open) if last.get(&lane) == Some(&frame.msg_seq) => open.push_str(text),
                    _ => texts.push(text.to_owned()),
                }
                last.insert(lane, frame.msg_seq);
            }
            Event::LaneFailed { fault, .. } => panic!("a lane failed: {fault}"),
            _ => {}
        }
    }
    lanes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_lane_arrives_in_order_once_and_whole(
        weather in proptest::collection::vec(any::<u8>(), 16..200),
        messages in proptest::collection::vec((any::<bool>(), 0_u8..3, 0_usize..5, 0_u64..40), 1..25),
    ) {
        let mut run = Run::new(weather);
        for (is_client, number, fragments, pause) in messages {
            let (side, number) = if is_client { (Side::Client, 0) } else { (Side::Router, number) };
            run.say(side, number, fragments);
            let until = run.wire.now.plus(pause);
            run.run(until);
        }
        run.run(Millis(20_000));
        let sent = std::mem::take(&mut run.sent);
        let mut heard = run.reconnect();
        for (side, lanes) in sent {
            prop_assert_eq!(heard.remove(&side).unwrap_or_default(), lanes);
        }
    }
}
