//! What is wrong between members: each says how it is and how its lanes to all others stand, so every pair is seen from both sides.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::members::{rows, text};
use super::{Check, State};

/// Lanes that every member dials to every other; of `requests` there is one for each thread.
const LANES: [&str; 3] = ["control", "requests", "bulk"];

/// Days left from which a certificate is to be renewed, and from which there is hardly time.
const CERTIFICATE_DAYS: (u64, u64) = (14, 3);

/// How far the clocks of members may be apart, in milliseconds.
const CLOCK_MS: u64 = 500;

/// The checks of what `GET /v1/admin/cluster` tells.
pub(super) fn checks(cluster: &Value) -> Vec<Check> {
    let members: Vec<&Value> = rows(&cluster["members"]).collect();
    vec![
        answering(&members),
        links(&members),
        certificates(&members),
        clocks(&members),
        groups(cluster, &members),
    ]
}

fn answering(members: &[&Value]) -> Check {
    let silent = members.iter().filter_map(|member| {
        let node = &member["node"];
        match &member["standing"]["ready"] {
            Value::Bool(true) => None,
            Value::Bool(false) if member["standing"]["draining"] == true => {
                Some(format!("node {node} drains"))
            }
            Value::Bool(false) => Some(format!("node {node} is not ready")),
            _ => Some(format!("nothing is heard of node {node}")),
        }
    });
    let troubles: Vec<String> = silent.collect();
    let remedy = "start the node, or run `atpctl doctor` with its URL; `atpctl cluster drain N --undo` ends a drain, \
        `atpctl cluster remove N` gives a machine up";
    verdict("members", State::Failed, &troubles, remedy, || {
        format!("{} ready", members.len())
    })
}

fn links(members: &[&Value]) -> Check {
    let mut troubles = Vec::new();
    for from in members.iter().filter(|member| !member["standing"].is_null()) {
        for to in members.iter().filter(|to| to["node"] != from["node"]) {
            troubles.extend(LANES.iter().filter_map(|lane| broken(from, to, lane)));
        }
    }
    let pairs = members.len() * members.len().saturating_sub(1);
    let remedy = "check that the second reaches where the first listens (`cluster.listen`, the address it was added with, firewalls), and \
        its certificate";
    verdict("links", State::Failed, &troubles, remedy, || {
        format!("{pairs} ways, three lanes each")
    })
}

/// What is wrong with the lane that `from` dials to `to`.
fn broken(from: &Value, to: &Value, lane: &str) -> Option<String> {
    let is_this = |of: &&Value| of["to"] == to["node"] && of["lane"] == lane;
    let lanes: Vec<&Value> = rows(&from["standing"]["lanes"]).filter(is_this).collect();
    let why = match lanes.iter().find(|lane| lane["up"] != true) {
        None if lanes.is_empty() => "not dialled".to_owned(),
        None => return None,
        Some(lane) => match &lane["trouble"] {
            Value::Null => "not connected yet".to_owned(),
            why => text(why),
        },
    };
    Some(format!("{} to {}, {lane}: {why}", from["node"], to["node"]))
}

fn certificates(members: &[&Value]) -> Check {
    let days = |member: &&&Value| member["standing"]["certificate_days_left"].as_u64();
    let (soon, late) = CERTIFICATE_DAYS;
    let least = members.iter().filter_map(|member| days(&member)).min();
    let Some(least) = least else {
        return Check::new("certificates", State::Skipped, "there are none", None);
    };
    let ending = members
        .iter()
        .filter(|member| days(member).is_some_and(|days| days <= soon));
    let ending: Vec<String> = ending
        .map(|member| {
            format!(
                "node {}: {} days",
                member["node"], member["standing"]["certificate_days_left"]
            )
        })
        .collect();
    let state = if least <= late {
        State::Failed
    } else {
        State::Warning
    };
    let remedy = "renew it with `atpctl cluster join` on the node's directory; no restart is needed";
    verdict("certificates", state, &ending, remedy, || {
        format!("{least} days left")
    })
}

fn clocks(members: &[&Value]) -> Check {
    let ahead = |member: &&Value| member["standing"]["clock_ms"].as_i64();
    let fastest = members.iter().max_by_key(|member| ahead(member));
    let slowest = members.iter().filter(|member| ahead(member).is_some());
    let slowest = slowest.min_by_key(|member| ahead(member));
    let (Some(fastest), Some(slowest)) = (fastest, slowest) else {
        return Check::new("clocks", State::Skipped, "no member answers", None);
    };
    let apart = match (ahead(fastest), ahead(slowest)) {
        (Some(most), Some(least)) => most.abs_diff(least),
        _ => 0,
    };
    let detail = format!("{apart} ms apart at most");
    if apart <= CLOCK_MS {
        return Check::ok("clocks", detail);
    }
    let detail = format!(
        "{detail}, node {} before node {}",
        fastest["node"], slowest["node"]
    );
    Check::bad(
        "clocks",
        State::Warning,
        detail,
        "keep the clocks of the machines with NTP",
    )
}

fn groups(cluster: &Value, members: &[&Value]) -> Check {
    let answers: BTreeSet<u64> = members
        .iter()
        .filter(|member| !member["standing"].is_null())
        .filter_map(|member| member["node"].as_u64())
        .collect();
    let mut troubles = Vec::new();
    for group in rows(&cluster["groups"]) {
        let name = text(&group["group"]);
        let voters = rows(&group["members"]).filter(|member| member["voter"] == true);
        let voters: BTreeSet<u64> = voters.filter_map(|voter| voter["node"].as_u64()).collect();
        let there = voters.intersection(&answers).count();
        if there <= voters.len() / 2 {
            troubles.push(format!(
                "{name} has no quorum: {there} of {} voters answer",
                voters.len()
            ));
        } else if group["leader"].is_null() {
            troubles.push(format!("{name} has no leader"));
        }
        if !group["fault"].is_null() {
            troubles.push(format!("{name} stopped here: {}", text(&group["fault"])));
        }
    }
    for member in members {
        let unled = rows(&member["standing"]["leaderless"]).map(text);
        troubles.extend(unled.map(|group| format!("node {} knows no leader of {group}", member["node"])));
    }
    let remedy = "bring the missing voters back; a group needs more than half of them. Who cannot come back is removed while there is a quorum";
    verdict("groups", State::Failed, &troubles, remedy, || {
        format!("{} led and with a quorum", rows(&cluster["groups"]).count())
    })
}

fn verdict(
    check: &'static str,
    state: State,
    troubles: &[String],
    remedy: &str,
    good: impl FnOnce() -> String,
) -> Check {
    match troubles {
        [] => Check::ok(check, good()),
        troubles => Check::bad(check, state, troubles.join("; "), remedy),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lanes(to: &[u16]) -> Vec<Value> {
        let lane = |to: u16, lane: &str| json!({ "to": to, "lane": lane, "up": true, "trouble": null });
        to.iter()
            .flat_map(|to| LANES.map(|name| lane(*to, name)))
            .collect()
    }

    fn member(node: u16, others: &[u16]) -> Value {
        json!({ "node": node, "alive": true, "standing": {
            "ready": true, "draining": false, "clock_ms": 0, "certificate_days_left": 90, "leaderless": [],
            "lanes": lanes(others),
        } })
    }

    fn cluster() -> Value {
        let voters: Vec<Value> = (1..=3)
            .map(|node| json!({ "node": node, "voter": true }))
            .collect();
        json!({
            "members": [member(1, &[2, 3]), member(2, &[1, 3]), member(3, &[1, 2])],
            "groups": [{ "group": "meta", "leader": 1, "fault": null, "members": voters }],
        })
    }

    fn state(cluster: &Value, check: &str) -> (State, String) {
        let found = checks(cluster).into_iter().find(|of| of.check == check);
        let found = found.expect("there is such a check");
        assert!(found.state == State::Ok || found.remedy.is_some());
        (found.state, found.detail)
    }

    #[test]
    fn a_sound_cluster_passes_every_check() {
        for check in checks(&cluster()) {
            assert_eq!(check.state, State::Ok, "{check:?}");
        }
    }

    #[test]
    fn a_lane_that_fails_one_way_only_is_found() {
        let mut cluster = cluster();
        cluster["members"][2]["standing"]["lanes"][1] =
            json!({ "to": 1, "lane": "requests", "up": false, "trouble": "refused" });
        let (verdict, detail) = state(&cluster, "links");
        assert_eq!((verdict, &*detail), (State::Failed, "3 to 1, requests: refused"));
        cluster["members"][2]["standing"]["lanes"] = json!(lanes(&[2]));
        let (_, detail) = state(&cluster, "links");
        assert!(detail.contains("3 to 1, bulk: not dialled"), "{detail}");
    }

    #[test]
    fn groups_want_a_leader_and_more_than_half_of_their_voters() {
        let mut cluster = cluster();
        cluster["members"][1]["standing"] = Value::Null;
        assert_eq!(state(&cluster, "groups").0, State::Ok);
        assert_eq!(state(&cluster, "members").0, State::Failed);
        cluster["members"][2]["standing"] = Value::Null;
        let (verdict, detail) = state(&cluster, "groups");
        assert_eq!(
            (verdict, detail.contains("1 of 3")),
            (State::Failed, true),
            "{detail}"
        );

        let mut cluster = self::cluster();
        cluster["groups"][0]["leader"] = Value::Null;
        assert_eq!(state(&cluster, "groups").0, State::Failed);
    }

    #[test]
    fn clocks_and_certificates_are_told_of_in_time() {
        let mut cluster = cluster();
        cluster["members"][0]["standing"]["clock_ms"] = json!(300);
        cluster["members"][1]["standing"]["clock_ms"] = json!(-201);
        assert_eq!(state(&cluster, "clocks").0, State::Warning);
        cluster["members"][1]["standing"]["clock_ms"] = json!(-200);
        assert_eq!(state(&cluster, "clocks").0, State::Ok);
        for (days, wanted) in [(15, State::Ok), (14, State::Warning), (3, State::Failed)] {
            cluster["members"][1]["standing"]["certificate_days_left"] = json!(days);
            assert_eq!(state(&cluster, "certificates").0, wanted, "{days}");
        }
    }
}
