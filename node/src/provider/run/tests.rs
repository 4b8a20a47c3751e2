use atp_protocol::ids::AdapterId;
use proptest::prelude::*;

use super::*;

/// Passes on all but events that say `no`; ends at `last`.
struct Picky;

impl Observe for Picky {
    fn event(&mut self, event: &Event<'_>) -> Result<Verdict, Fault> {
        match event.data.as_deref() {
            Some(b"no") => Ok(Verdict::Withhold),
            Some(b"last") => Ok(Verdict::Last),
            Some(b"error") => Err(Fault::new(Code::Adapter, "said so")),
            Some(_) => Ok(Verdict::Forward(1)),
            None => Ok(Verdict::Forward(0)),
        }
    }

    fn usage(&self) -> Option<Metered> {
        None
    }

    fn end(&mut self) -> Result<LaneFinal, Fault> {
        Ok(LaneFinal::default())
    }
}

fn forwarded(text: &'static str) -> (Vec<(String, u32)>, Result<bool, Fault>) {
    let mut ready = VecDeque::new();
    let outcome = forward(&mut Picky, &Bytes::from_static(text.as_bytes()), &mut ready);
    let piece = |event| match event {
        LaneEvent::Forward {
            bytes, out_tokens, ..
        } => (String::from_utf8(bytes.to_vec()).unwrap(), out_tokens),
        other => panic!("unexpected {other:?}"),
    };
    (ready.into_iter().map(piece).collect(), outcome)
}

#[test]
fn what_is_withheld_is_cut_out_and_the_rest_stays_together() {
    let (pieces, outcome) = forwarded("data: a\n\ndata: b\n\ndata: no\n\n: c\n\ndata: d\n\n");
    assert_eq!(
        pieces,
        [
            ("data: a\n\ndata: b\n\n".to_owned(), 2),
            (": c\n\ndata: d\n\n".to_owned(), 1)
        ]
    );
    assert_eq!(outcome, Ok(false));
    assert_eq!(forwarded("data: no\n\n").0, []);
}

#[test]
fn the_last_event_and_an_error_end_what_is_passed_on() {
    let (pieces, outcome) = forwarded("data: a\n\ndata: last\n\ndata: b\n\n");
    assert_eq!(
        (pieces, outcome),
        (vec![("data: a\n\ndata: last\n\n".to_owned(), 1)], Ok(true))
    );
    let (pieces, outcome) = forwarded("data: a\n\ndata: error\n\ndata: b\n\n");
    assert_eq!(pieces, [("data: a\n\n".to_owned(), 1)]);
    assert!(outcome.is_err());
}

fn listeners() -> [Listener; 4] {
    use crate::provider::{anthropic, openai};
    let refusal = || Refusal::of(AdapterId::new("p.test").unwrap());
    [
        Listener::Forward(Box::new(openai::observe::Observer::new(false, refusal()))),
        Listener::Read(Box::new(openai::read::Reader::new(1_000, refusal()))),
        Listener::Forward(Box::new(anthropic::observe::Observer::new(refusal()))),
        Listener::Read(Box::new(anthropic::read::Reader::new(1_000, refusal()))),
    ]
}

proptest! {
    #[test]
    fn nothing_an_upstream_says_makes_it_panic(
        events in proptest::collection::vec(
            r#"(event: (message_delta|content_block_start|error|x)\n)?data: ?(\[DONE\]|[a-z"{}:,\[\]0-9]{0,20}|\{"(usage|choices|delta|error|type|index)": ?(null|1|"[a-z_]{0,9}"|\{\}|\[\]|\[\{\}\])\})\n\n"#,
            0..8,
        ),
    ) {
        let bytes = Bytes::from(events.concat());
        for mut listener in listeners() {
            let mut ready = VecDeque::new();
            let _ = listener.take(&bytes, &mut ready);
            let _ = listener.end();
        }
    }
}
