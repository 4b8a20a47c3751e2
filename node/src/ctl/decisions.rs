//! `atpctl decisions`

use serde_json::Value;

use super::client::As;
use super::screen::or_dash;
use super::{Failure, Operator};

/// Has the node check its copy of the decision records.
pub(super) async fn verify(operator: &mut Operator) -> Result<(), Failure> {
    let checked: Value = operator.client.get(As::Admin, "/v1/audit/verify-chain").await?;
    let screen = &mut operator.screen;
    match screen.is_json {
        true => screen.json(&checked)?,
        false => {
            let chains = checked["chains"].as_array().into_iter().flatten();
            let rows = chains.map(|chain| {
                let word = |name: &str| or_dash(chain[name].as_str());
                let number = |name: &str| or_dash(chain[name].as_u64());
                let columns = ["chain_id", "head", "code"].map(word);
                let [id, head, code] = columns;
                vec![
                    id,
                    number("next"),
                    number("entries_checked"),
                    head,
                    code,
                    number("first_broken_at"),
                ]
            });
            let names = ["chain", "records", "checked", "head", "verdict", "broken at"];
            screen.table(&names, &["records", "checked", "broken at"], rows.collect())?;
        }
    }
    match checked["valid"] == true {
        true => Ok(()),
        false => Err(Failure::Verdict(
            "a chain of decision records is broken; ask the other members for theirs".to_owned(),
        )),
    }
}
