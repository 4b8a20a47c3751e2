//! `atpctl ask`: sends work to `POST /v1/ask` and shows the records of the answer.
//!
//! `prompt` makes the body, `records` cuts the reply into records, `view` shows them while they come, `summary` at the end.
//! With `--json` the records are passed on unread, one a line.

mod prompt;
mod records;
mod summary;
mod view;

use std::time::Duration;

use atp_protocol::request::DEADLINE_MS;
use http::Method;
use serde_json::Value;

use self::records::Records;
use self::view::View;
use super::args;
use super::client::{As, gather};
use super::{Failure, Operator};

/// What is waited beyond the deadline, in milliseconds: the node ends a request at its deadline and says so.
const GRACE_MS: u64 = 30_000;

pub(super) async fn run(operator: &mut Operator, args: args::Ask) -> Result<(), Failure> {
    let show_lanes = operator.screen.is_terminal && !operator.screen.is_json;
    let body = prompt::body(&args, show_lanes)?.to_string().into_bytes();
    let patience = Duration::from_millis(args.deadline_ms.unwrap_or(DEADLINE_MS).saturating_add(GRACE_MS));
    let view = View::new(&operator.screen);
    let json = Some(("application/json", body));
    let reply = operator
        .client
        .send(As::Caller, Method::POST, "/v1/ask", json, patience)
        .await?;
    if reply.status != 200 {
        return Err(Failure::refused(reply.status, &gather(reply.body).await?));
    }
    let records = Records::new(reply.body, patience);
    match operator.screen.is_json {
        true => pass_on(operator, records).await,
        false => show(operator, records, view).await,
    }
}

async fn pass_on(operator: &mut Operator, mut records: Records) -> Result<(), Failure> {
    let mut last = Value::Null;
    while let Some(record) = records.next().await? {
        operator.screen.json(&record)?;
        last = record;
    }
    verdict(&last)
}

async fn show(operator: &mut Operator, mut records: Records, mut view: View) -> Result<(), Failure> {
    let mut plan = Value::Null;
    let mut last = Value::Null;
    while let Some(record) = records.next().await? {
        view.record(&mut operator.screen, &record)?;
        match record["type"].as_str() {
            Some("plan") => plan = record,
            Some("final") => last = record,
            _ => {}
        }
    }
    view.finish(&mut operator.screen, &last)?;
    summary::write(&mut operator.screen, &plan, &last)?;
    verdict(&last)
}

/// Whether the answer is one.
fn verdict(last: &Value) -> Result<(), Failure> {
    if last["type"] != "final" {
        return Err(Failure::Unexpected(
            "the answer breaks off without a final record".to_owned(),
        ));
    }
    if last["aborted"] != true {
        return Ok(());
    }
    let error = &last["error"];
    let said = ["detail", "message"]
        .iter()
        .filter_map(|member| error[member].as_str())
        .find(|said| !said.is_empty());
    Err(Failure::Verdict(match (said, error["code"].as_str()) {
        (Some(said), Some(code)) => format!("{code}: {said}"),
        (Some(said), None) => said.to_owned(),
        (None, _) => format!("the node gave up: {error}"),
    }))
}
