//! `fragmentation.json`: splitting by code points with legacy markers (atp.md 10.2).

use atp_protocol::fragment::{Marking, SplitConfig, Unit, split_bytes, split_text};
use atp_protocol::sign::fragment::{Chunk, merkle_root, short16};
use atp_protocol::units::Tier;
use serde_json::{Value, json};

fn config(case: &Value) -> Option<SplitConfig> {
    let base = usize::try_from(case["base_max"].as_u64()?).ok()?;
    Some(SplitConfig {
        base_text: base,
        base_binary: base,
        multipliers: Tier::ALL.map(|tier| case["multipliers"][tier.as_str()].as_f64().unwrap_or(1.0)),
        unit: Unit::CodePoints,
        ..SplitConfig::default()
    })
}

fn flags(case: &Value, at: usize, count: usize) -> Value {
    let markers = Marking::Legacy.of(at, count);
    let mut flags: Vec<&str> = case["input_flags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    flags.extend(markers.frag.then_some("FRAG"));
    flags.extend(markers.last.then_some("LAST"));
    flags.extend(markers.more.then_some("MORE"));
    flags.sort_unstable();
    json!(flags)
}

fn split(case: &Value) -> Option<Value> {
    let config = config(case)?;
    let tier = Tier::parse(case["qos"].as_str()?)?;
    let bytes = case["hex"].as_str().and_then(|digits| hex::decode(digits).ok());
    let (limit, chunks): (usize, Vec<Chunk<'_>>) = match (&bytes, case["text"].as_str()) {
        (Some(bytes), _) => {
            let limit = config.binary_limit(tier);
            (limit, split_bytes(bytes, limit).into_iter().map(Chunk::Binary).collect())
        }
        (None, text) => {
            let limit = config.text_limit(tier);
            (limit, split_text(text?, limit, config.unit).into_iter().map(Chunk::Text).collect())
        }
    };
    let root = (case["merkle"] == true).then(|| merkle_root(chunks.iter().copied()));
    let fragments: Vec<Value> = chunks
        .iter()
        .enumerate()
        .map(|(at, &chunk)| {
            let (member, text) = match chunk {
                Chunk::Text(text) => ("text", text.to_owned()),
                Chunk::Binary(bytes) => ("hex", hex::encode(bytes)),
            };
            json!({
                "frag_seq": at,
                "flags": flags(case, at, chunks.len()),
                "checksum": root.clone().unwrap_or_else(|| short16(chunk)),
                member: text,
            })
        })
        .collect();
    Some(json!({ "limit": limit, "fragments": fragments }))
}

#[test]
fn content_is_cut_greedily_between_code_points() {
    super::run("fragmentation", |case| {
        let got = split(case).ok_or("bad case")?;
        let mut wanted = json!({ "limit": case["limit"], "fragments": case["fragments"] });
        for fragment in wanted["fragments"].as_array_mut().ok_or("no fragments")? {
            if let Some(flags) = fragment["flags"].as_array_mut() {
                flags.sort_by_key(Value::to_string);
            }
        }
        if got == wanted {
            Ok(())
        } else {
            Err(format!("got {got}, wanted {wanted}"))
        }
    });
}
