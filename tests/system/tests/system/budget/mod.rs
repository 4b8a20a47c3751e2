//! Accounts: what a node may spend, and what it says it has spent, against what the provider billed.

mod crash;
mod leaving;
mod limits;
mod race;
mod usage;

use serde_json::{Value, json};

use super::fixture::{Mock, Node, Setup};

/// A node before the mock provider, and both.
async fn node() -> (Mock, Node) {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock).start().await;
    (mock, node)
}

/// A chat whose answer the marker in its prompt shapes.
fn ask(model: &str, marker: &str, max_tokens: u64, stream: bool) -> Value {
    json!({
        "model": model, "max_tokens": max_tokens, "stream": stream,
        "messages": [{ "role": "user", "content": format!("[[upstream {marker}]] hello") }],
    })
}

/// A member of a balance.
fn number(balance: &Value, member: &str) -> u64 {
    balance[member]
        .as_u64()
        .unwrap_or_else(|| panic!("{member} in {balance}"))
}

/// What is spent or may still be.
fn committed(balance: &Value) -> u64 {
    number(balance, "settled_tokens") + number(balance, "held_tokens")
}
