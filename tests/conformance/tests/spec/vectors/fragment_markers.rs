//! `fragment_markers.json`: legacy markers made native (atp.md 10.3).

use std::collections::BTreeSet;

use atp_protocol::fragment::{Markers, to_native};
use serde_json::Value;

type Flags = BTreeSet<String>;

fn flags(fragments: &Value) -> Option<Vec<Flags>> {
    let read = |fragment: &Value| serde_json::from_value(fragment["flags"].clone()).ok();
    fragments.as_array()?.iter().map(read).collect()
}

fn markers(flags: &Flags) -> Markers {
    Markers {
        more: flags.contains("MORE"),
        frag: flags.contains("FRAG"),
        last: flags.contains("LAST"),
    }
}

fn marked(flags: &Flags, markers: Markers) -> Flags {
    let mut flags = flags.clone();
    for (flag, is_set) in [("MORE", markers.more), ("FRAG", markers.frag), ("LAST", markers.last)] {
        if is_set {
            flags.insert(flag.to_owned());
        } else {
            flags.remove(flag);
        }
    }
    flags
}

#[test]
fn legacy_markers_become_native() {
    super::run("fragment_markers", |case| {
        let before = flags(&case["before"]).ok_or("no fragments")?;
        let wanted = flags(&case["after"]).ok_or("no expectation")?;
        let mut native: Vec<Markers> = before.iter().map(markers).collect();
        to_native(&mut native);
        let got: Vec<Flags> = before
            .iter()
            .zip(native)
            .map(|(flags, native)| marked(flags, native))
            .collect();
        if got == wanted {
            Ok(())
        } else {
            Err(format!("got {got:?}, wanted {wanted:?}"))
        }
    });
}
