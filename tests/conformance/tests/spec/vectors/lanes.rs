//! `lanes.json`: lane keys and the sequencer (atp.md sections 1 and 10.1).

use atp_protocol::ids::{LaneId, PersonaId, StreamId};
use atp_protocol::lane::Sequencer;
use serde_json::{Value, json};

fn lane(op: &Value) -> Option<(StreamId, LaneId)> {
    let lane = LaneId {
        persona: Some(PersonaId::new(op["persona_id"].as_str()?).ok()?),
        clone: None,
    };
    Some((StreamId::new(op["stream_id"].as_str()?).ok()?, lane))
}

fn apply(sequencer: &mut Sequencer<(StreamId, LaneId)>, op: &Value) -> Result<Value, String> {
    let lane = || lane(op).ok_or("bad lane");
    Ok(match op["op"].as_str() {
        Some("next") => json!(sequencer.next(&lane()?).map_err(|error| error.to_string())?),
        Some("current") => json!(sequencer.current(&lane()?)),
        Some("reset") => {
            sequencer.restore(&lane()?, 0);
            Value::Null
        }
        Some("active") => {
            let lanes = sequencer.active();
            json!(lanes.iter().map(|(stream, lane)| lane.key(stream)).collect::<Vec<_>>())
        }
        Some("key") => {
            let (stream, lane) = lane()?;
            json!(lane.key(&stream))
        }
        op => return Err(format!("op {op:?} not known")),
    })
}

#[test]
fn lanes_count_apart_and_are_named_by_persona_and_stream() {
    super::run("lanes", |case| {
        let mut sequencer = Sequencer::default();
        let ops = case["ops"].as_array().ok_or("no ops")?;
        let wanted = case["expect"].as_array().ok_or("no expectation")?;
        for (at, (op, wanted)) in ops.iter().zip(wanted).enumerate() {
            let got = apply(&mut sequencer, op)?;
            if got != *wanted {
                return Err(format!("op {at}: got {got}, wanted {wanted}"));
            }
        }
        Ok(())
    });
}
