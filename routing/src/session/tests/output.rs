//! What the client sees as it comes.

use serde_json::json;

use super::*;
use crate::reconcile::Strategy;

fn streaming(lanes: usize) -> SessionParams {
    SessionParams {
        wants_text: true,
        ..params(lanes)
    }
}

#[test]
fn a_single_lane_is_forwarded_as_it_comes() {
    let mut rig = Rig::started(streaming(1));
    rig.chunk(1, 0, 1, "a");
    assert_eq!(rig.text(), "a");
    rig.chunk(2, 0, 3, "c");
    assert_eq!(rig.text(), "a");
    rig.chunk(3, 0, 2, "b");
    rig.end(4, 0, "d", None);
    assert_eq!(rig.text(), "abcd");
    assert_eq!(rig.answer().answer.text, "abcd");
    assert_eq!((rig.answer().sent, rig.answer().is_replacing), (4, false));
}

#[test]
fn native_bytes_are_forwarded_unchanged_and_not_kept() {
    let mut rig = Rig::started(streaming(1));
    let bytes = bytes::Bytes::from_static(b"data: {}\n\n");
    let chunk = Chunk {
        piece: Piece::Forward(bytes.clone()),
        ..chunk(1, "")
    };
    let call = call(0, 1);
    let actions = rig.at(1, Input::Chunk { call, chunk });
    let piece = Piece::Forward(bytes);
    let lane = LaneIx(0);
    assert!(actions.iter().any(|action| action.step
        == Step::EmitText {
            lane,
            piece: piece.clone()
        }));
    rig.end(2, 0, "", None);
    assert_eq!(rig.answer().answer.text, "");
}

#[test]
fn several_lanes_are_merged_until_one_is_left_alone() {
    let mut rig = Rig::started(streaming(2));
    rig.chunk(1, 0, 1, "from 0");
    rig.chunk(2, 1, 1, "from 1");
    assert_eq!(rig.text(), "");
    rig.fail(3, 0, Code::Adapter);
    assert_eq!(rig.text(), "from 1");
    rig.end(4, 1, "!", None);
    assert_eq!(rig.text(), "from 1!");
    assert_eq!(rig.answer().sent, 7);
}

#[test]
fn a_lane_beside_an_answer_is_not_the_answer() {
    let mut params = streaming(2);
    params.strategy = Strategy::WeightedMerge;
    let mut rig = Rig::started(params);
    rig.chunk(1, 1, 1, "b");
    rig.end(2, 0, "a", None);
    rig.chunk(3, 1, 2, "b");
    assert_eq!(rig.text(), "");
    rig.end(4, 1, "", None);
    assert_eq!(rig.answer().answer.text, "a\n\nbb");
    assert_eq!(rig.answer().sent, 0);
}

#[test]
fn text_that_went_out_decides_for_its_lane() {
    let mut params = streaming(2);
    params.strategy = Strategy::WeightedMerge;
    params.deadline_ms = 1_000;
    let mut rig = Rig::started(params);
    rig.chunk(1, 0, 1, "much more text than the other lane ever said");
    rig.fail(2, 0, Code::Adapter);
    rig.chunk(3, 1, 1, "little");
    rig.at(1_000, Input::Tick);
    assert_eq!(rig.answer().answer.text, "little");
    assert_eq!((rig.answer().sent, rig.answer().is_replacing), (6, false));
}

#[test]
fn exposed_lanes_are_also_sent_on_their_own() {
    let mut params = streaming(2);
    params.expose_lanes = true;
    let mut rig = Rig::started(params);
    rig.chunk(1, 0, 1, "a");
    rig.chunk(2, 1, 2, "d");
    rig.chunk(3, 1, 1, "c");
    let own: Vec<_> = rig
        .log
        .iter()
        .filter_map(|action| match &action.step {
            Step::EmitLanePartial {
                lane,
                piece: Piece::Read { text, .. },
            } => Some((lane.0, text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(own, [(0, "a"), (1, "cd")]);
}

#[test]
fn a_reader_that_stops_reading_stops_the_lane_it_reads() {
    let mut rig = Rig::started(streaming(1));
    rig.chunk(1, 0, 1, "a");
    let actions = rig.at(2, Input::EgressBlocked);
    assert_eq!(actions[0].step, Step::Pause { lane: LaneIx(0) });
    rig.chunk(3, 0, 2, "in flight");
    assert_eq!(rig.text(), "a");
    rig.at(4, Input::ClientReady);
    assert_eq!(rig.text(), "ain flight");
    assert!(
        rig.log
            .iter()
            .any(|action| action.step == Step::Resume { lane: LaneIx(0) })
    );
    rig.at(5, Input::EgressBlocked);
    rig.end(6, 0, " rest", None);
    assert_eq!(rig.text(), "ain flight");
    assert_eq!(
        rig.answer().sent,
        "ain flight".len(),
        "the rest is the final's to send"
    );
}

#[test]
fn the_lane_a_blocked_client_would_read_is_held_as_soon_as_it_is_known() {
    let mut rig = Rig::started(streaming(2));
    rig.at(1, Input::EgressBlocked);
    rig.chunk(2, 1, 1, "x");
    assert!(
        !rig.log
            .iter()
            .any(|action| matches!(action.step, Step::Pause { .. }))
    );
    rig.fail(3, 0, Code::Adapter);
    assert_eq!(rig.text(), "");
    assert!(
        rig.log
            .iter()
            .any(|action| action.step == Step::Pause { lane: LaneIx(1) })
    );
}

#[test]
fn data_goes_out_with_the_text_it_came_with() {
    let mut rig = Rig::started(streaming(1));
    let piece = Piece::Read {
        text: String::new(),
        data: Some(json!({"x": 1})),
    };
    let chunk = Chunk {
        piece: piece.clone(),
        ..chunk(1, "")
    };
    let call = call(0, 1);
    let actions = rig.at(1, Input::Chunk { call, chunk });
    let lane = LaneIx(0);
    assert!(actions.iter().any(|action| action.step
        == Step::EmitText {
            lane,
            piece: piece.clone()
        }));
    rig.end(2, 0, "", None);
    assert_eq!(rig.answer().answer.data, Some(json!({"x": 1})));
}
