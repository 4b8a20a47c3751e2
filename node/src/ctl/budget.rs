//! `atpctl budget`

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::args::{Budget, BudgetChange, Limit};
use super::client::{As, escaped};
use super::screen::{dollars, or_dash};
use super::{Failure, Operator, Screen};

/// An account as the node shows it (design section 12).
#[derive(Debug, Serialize, Deserialize)]
struct Account {
    id: String,
    parent: Option<String>,
    limit_tokens: Option<u64>,
    limit_usd_micros: Option<u64>,
    max_parallel: Option<u64>,
    settled_tokens: u64,
    settled_usd_micros: u64,
    held_tokens: u64,
    held_usd_micros: u64,
    in_flight: u64,
    overrun_tokens: u64,
    overrun_usd_micros: u64,
    unknown_tokens: u64,
    unknown_usd_micros: u64,
    #[serde(flatten)]
    other: serde_json::Map<String, Value>,
}

pub(super) async fn run(operator: &mut Operator, args: Budget) -> Result<(), Failure> {
    match args {
        Budget {
            change:
                Some(BudgetChange::Set {
                    account,
                    parent,
                    limit_tokens,
                    limit_usd_micros,
                    max_parallel,
                }),
            ..
        } => {
            let limits = [
                ("limit_tokens", limit_tokens),
                ("limit_usd_micros", limit_usd_micros),
                ("max_parallel", max_parallel),
            ];
            set(operator, &account, parent, &limits).await
        }
        Budget {
            change: Some(BudgetChange::Delete { account }),
            ..
        } => delete(operator, &account).await,
        Budget {
            account: Some(account),
            ..
        } => {
            let account: Account = operator.client.get(As::Admin, &path(&account)).await?;
            one(&mut operator.screen, &account)
        }
        Budget { .. } => {
            let accounts: Vec<Account> = operator.client.get(As::Admin, "/v1/admin/accounts").await?;
            all(&mut operator.screen, &accounts)
        }
    }
}

fn path(account: &str) -> String {
    format!("/v1/admin/accounts/{}", escaped(account))
}

/// `PUT` replaces all limits, so that those not named are read first.
async fn set(
    operator: &mut Operator,
    account: &str,
    parent: Option<String>,
    limits: &[(&str, Option<Limit>)],
) -> Result<(), Failure> {
    let path = path(account);
    let known: Value = match operator.client.get(As::Admin, &path).await {
        Err(Failure::Refused { status: 404, .. }) => Value::Null,
        found => found?,
    };
    let mut wanted = json!({ "parent": parent.map_or_else(|| known["parent"].clone(), Value::from) });
    for (name, limit) in limits {
        wanted[*name] = limit.map_or_else(|| known[*name].clone(), |limit| limit.0.into());
    }
    let account: Account = operator
        .client
        .call(As::Admin, Method::PUT, &path, Some(&wanted))
        .await?;
    one(&mut operator.screen, &account)
}

async fn delete(operator: &mut Operator, account: &str) -> Result<(), Failure> {
    let deleted: Account = operator
        .client
        .call(As::Admin, Method::DELETE, &path(account), None)
        .await?;
    let screen = &mut operator.screen;
    if screen.is_json {
        return screen.json(&deleted);
    }
    screen.line(&format!(
        "account {account} is gone; it had spent {} tokens, {}",
        deleted.settled_tokens,
        dollars(deleted.settled_usd_micros)
    ))
}

fn one(screen: &mut Screen, account: &Account) -> Result<(), Failure> {
    if screen.is_json {
        return screen.json(account);
    }
    let parent = account
        .parent
        .as_ref()
        .map_or_else(String::new, |parent| format!(" in {parent}"));
    screen.line(&format!("{}{parent}", account.id))?;
    let row =
        |name: &str, tokens: String, usd: String, calls: String| vec![name.to_owned(), tokens, usd, calls];
    let none = String::new;
    let rows = vec![
        row(
            "limit",
            or_dash(account.limit_tokens),
            or_dash(account.limit_usd_micros.map(dollars)),
            or_dash(account.max_parallel),
        ),
        row(
            "settled",
            account.settled_tokens.to_string(),
            dollars(account.settled_usd_micros),
            none(),
        ),
        row(
            "held",
            account.held_tokens.to_string(),
            dollars(account.held_usd_micros),
            account.in_flight.to_string(),
        ),
        row(
            "overrun",
            account.overrun_tokens.to_string(),
            dollars(account.overrun_usd_micros),
            none(),
        ),
        row(
            "unknown",
            account.unknown_tokens.to_string(),
            dollars(account.unknown_usd_micros),
            none(),
        ),
    ];
    screen.table(&["", "tokens", "usd", "calls"], &["tokens", "usd", "calls"], rows)
}

fn all(screen: &mut Screen, accounts: &[Account]) -> Result<(), Failure> {
    if screen.is_json {
        return screen.json(&accounts);
    }
    let of = |spent: String, limit: Option<String>| format!("{spent} / {}", or_dash(limit));
    let rows = accounts
        .iter()
        .map(|account| {
            vec![
                account.id.clone(),
                of(
                    account.settled_tokens.to_string(),
                    account.limit_tokens.map(|limit| limit.to_string()),
                ),
                of(
                    dollars(account.settled_usd_micros),
                    account.limit_usd_micros.map(dollars),
                ),
                account.held_tokens.to_string(),
                dollars(account.held_usd_micros),
                of(
                    account.in_flight.to_string(),
                    account.max_parallel.map(|limit| limit.to_string()),
                ),
                dollars(account.overrun_usd_micros),
                dollars(account.unknown_usd_micros),
            ]
        })
        .collect();
    let header = [
        "account",
        "tokens / limit",
        "usd / limit",
        "held tokens",
        "held usd",
        "in flight",
        "overrun",
        "unknown",
    ];
    screen.table(&header, &header[1..], rows)
}
