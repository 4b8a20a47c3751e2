//! Two machines that do anything at any time never break the rules, and agree when all is said.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Ask {
        deadline_ms: u32,
    },
    Open,
    /// The rest is about something in flight, picked by number.
    Answer(usize),
    Cancel(usize),
    Send(usize, usize),
    Consume(usize),
    Finish(usize),
    Reset(usize),
    /// Frames arrive.
    Deliver(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..8_usize;
    prop_oneof![
        (1..40_u32).prop_map(|deadline_ms| Step::Ask { deadline_ms }),
        Just(Step::Open),
        at().prop_map(Step::Answer),
        at().prop_map(Step::Cancel),
        (at(), 0..2_000_usize).prop_map(|(at, bytes)| Step::Send(at, bytes)),
        at().prop_map(Step::Consume),
        at().prop_map(Step::Finish),
        at().prop_map(Step::Reset),
        (1..10_usize).prop_map(Step::Deliver),
        (1..20_u64).prop_map(Step::Wait),
    ]
}

/// One side with all it ever saw.
struct Player {
    end: End,
    wire: VecDeque<Frame>,
    asked: Vec<Correlation>,
    serving: Vec<Correlation>,
    streams: Vec<Correlation>,
    unread: Vec<(Correlation, Bytes)>,
}

fn pick<T: Clone>(of: &[T], at: usize) -> Option<T> {
    (!of.is_empty()).then(|| of[at % of.len()].clone())
}

impl Player {
    fn new(side: Side) -> Self {
        Self {
            end: End::new(side),
            wire: VecDeque::new(),
            asked: Vec::new(),
            serving: Vec::new(),
            streams: Vec::new(),
            unread: Vec::new(),
        }
    }

    fn does(&mut self, step: &Step, now: Millis) {
        let End { machine, out } = &mut self.end;
        match *step {
            Step::Ask { deadline_ms } => {
                self.asked
                    .extend(machine.ask(now, SERVICE, deadline_ms, b"question", "caller", out));
            }
            Step::Open => self.streams.extend(machine.open(SERVICE, b"", "stream", out)),
            Step::Answer(at) => {
                if let Some(id) = pick(&self.serving, at) {
                    machine.answer(id, Ok(b"answer"), out);
                }
            }
            Step::Cancel(at) => {
                if let Some(id) = pick(&self.asked, at) {
                    machine.cancel(id, out);
                }
            }
            Step::Send(at, bytes) => {
                if let Some(id) = pick(&self.streams, at) {
                    machine.send(id, &mut &vec![0; bytes][..], out);
                }
            }
            Step::Consume(at) => {
                if let Some((id, piece)) = pick(&self.unread, at) {
                    self.unread.remove(at % self.unread.len());
                    machine.consume(id, &piece, out);
                }
            }
            Step::Finish(at) => {
                if let Some(id) = pick(&self.streams, at) {
                    machine.finish(id, out);
                }
            }
            Step::Reset(at) => {
                if let Some(id) = pick(&self.streams, at) {
                    machine.reset(id, Refusal::new(Code::CANCELLED, ""), out);
                }
            }
            Step::Deliver(_) | Step::Wait(_) => {}
        }
        self.wire.extend(self.end.said());
    }

    fn hears(&mut self, frame: Frame, now: Millis) -> Result<(), Violation> {
        let id = match &frame {
            Frame::Data { id, .. } => *id,
            _ => Correlation(0),
        };
        match self.end.machine.receive(now, frame, &mut self.end.out)? {
            Event::Asked { id, .. } => {
                self.end.machine.serve(id, "worker");
                self.serving.push(id);
            }
            Event::Opened { id, .. } => {
                self.end.machine.accept(id, "stream");
                self.streams.push(id);
            }
            Event::Data(_, piece) => self.unread.push((id, piece)),
            _ => {}
        }
        self.wire.extend(self.end.said());
        Ok(())
    }

    fn waits(&mut self, now: Millis) {
        self.end.machine.tick(now, 0, &mut self.end.out);
        self.wire.extend(self.end.said());
    }
}

fn deliver(players: &mut [Player; 2], most: usize, now: Millis) -> Result<(), Violation> {
    for (from, to) in [(0, 1), (1, 0)] {
        for _ in 0..most {
            let Some(frame) = players[from].wire.pop_front() else {
                break;
            };
            players[to].hears(frame, now)?;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_two_sides_do_they_keep_the_rules_and_agree_in_the_end(
        steps in vec((0..2_usize, step()), 1..300),
    ) {
        let mut players = [Player::new(Side::Dialled), Player::new(Side::Accepted)];
        let mut now = START;
        for (who, step) in &steps {
            players[*who].does(step, now);
            match step {
                Step::Deliver(most) => deliver(&mut players, *most, now)?,
                Step::Wait(ms) => {
                    now = now.plus(*ms);
                    players.iter_mut().for_each(|player| player.waits(now));
                }
                _ => {}
            }
        }
        while players.iter().any(|player| !player.wire.is_empty()) {
            deliver(&mut players, usize::MAX, now)?;
        }
        let [one, two] = players.map(|player| player.end.machine);
        prop_assert_eq!(one.streams(), two.streams());
        prop_assert!(one.asked() >= two.serving() && two.asked() >= one.serving());
        // Once every deadline has passed, nobody waits or works.
        for mut machine in [one, two] {
            machine.tick(now.plus(60), 0, &mut BytesMut::new());
            prop_assert_eq!((machine.asked(), machine.serving()), (0, 0));
        }
    }
}
