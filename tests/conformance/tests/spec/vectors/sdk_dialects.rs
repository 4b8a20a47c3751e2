//! Client dialects (atp.md section 28).

use std::collections::BTreeSet;

use atp_protocol::dialect::{Dialect, Endpoint, Mode, implied_flags};
use atp_protocol::frame::{Incoming, Policy, ingress};
use atp_protocol::limits::Limits;
use atp_protocol::units::UnixMillis;
use atp_protocol::value::{Value as Tree, json};
use serde_json::Value;

use super::{equal, text};

#[test]
fn detected_and_mapped() {
    super::run("sdk_dialects", |case| {
        let received = text(case, "input_json")?;
        let endpoint = Endpoint {
            session_id: case["connection"]["session_id"].as_str(),
            ..Endpoint::default()
        };
        let wanted = match text(case, "dialect")? {
            "ts" => Dialect::Ts,
            "go" => Dialect::Go,
            "py" => Dialect::Py,
            other => return Err(format!("unknown dialect {other}")),
        };
        let tree = json::parse(received, &Limits::DEFAULT).map_err(|error| error.to_string())?;
        let Tree::Object(message) = tree else {
            return Err("not an object".to_owned());
        };
        // a heartbeat of the TypeScript client and a health message of the Go client tell their dialects too
        equal(&format!("{:?}", Dialect::detect(&message, &endpoint)), &format!("{:?}", Some(wanted)))?;
        let mode = Mode::Detect(endpoint);
        let native = wanted.to_native(message, &mode).map_err(|fault| fault.to_string())?;
        subset(&Value::from(&Tree::Object(native)), &case["native"])?;

        let policy = Policy { dialect: mode, ..Policy::baseline(&Limits::DEFAULT) };
        let received = ingress(UnixMillis(0), Incoming::Text(received), &policy, &mut |_| Ok(()));
        let received = received.map_err(|fault| fault.to_string())?;
        let implied: BTreeSet<String> = implied_flags(&received.frame, false).names().map(str::to_owned).collect();
        let listed = case["native"]["implied_flags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let wanted: BTreeSet<String> = listed.map(str::to_owned).collect();
        equal(&format!("{implied:?}"), &format!("{wanted:?}"))
    });
}

/// Every member of `wanted` is in `got`; contents are compared whole.
fn subset(got: &Value, wanted: &Value) -> Result<(), String> {
    for (name, wanted) in wanted.as_object().ok_or("no members")? {
        match name.as_str() {
            "implied_flags" => {}
            "meta" | "payload" | "window" => subset(&got[name], wanted).map_err(|why| format!("{name}.{why}"))?,
            _ => equal(&got[name].to_string(), &wanted.to_string()).map_err(|why| format!("{name}: {why}"))?,
        }
    }
    Ok(())
}
