//! `resumption.json`: resume tokens (atp.md 13.1).

use atp_protocol::ids::{SessionId, StreamId, TenantId};
use atp_protocol::resume::{Binding, ResumeToken, TOKEN_BYTES, TokenHash, TokenTable};
use atp_protocol::units::UnixMillis;
use serde_json::{Value, json};

fn binding(op: &Value) -> Option<Binding> {
    Some(Binding {
        tenant: TenantId::new("acme").ok()?,
        session: SessionId::new(op["session"].as_str()?).ok()?,
        stream: StreamId::new(op["stream"].as_str()?).ok()?,
    })
}

/// The token issued as number `index`.
fn token(index: u64) -> TokenHash {
    let mut bytes = [0; TOKEN_BYTES];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    ResumeToken::new(bytes).hash()
}

#[test]
fn a_token_works_once_for_its_own_stream() {
    super::run("resumption", |case| {
        let mut table = TokenTable::new(100);
        let (mut issued, mut resumes) = (0, 0);
        let ops = case["ops"].as_array().ok_or("no ops")?;
        let wanted = case["expect"].as_array().ok_or("no expectation")?;
        for (at, (op, wanted)) in ops.iter().zip(wanted).enumerate() {
            let now = UnixMillis(op["t_ms"].as_u64().ok_or("no time")?);
            let binding = binding(op).ok_or("bad binding")?;
            let got = match op["op"].as_str() {
                Some("issue") => {
                    table.issue(now, token(issued), binding, op["ttl_ms"].as_u64().ok_or("no ttl")?);
                    issued += 1;
                    Value::Null
                }
                Some("resume") => {
                    let token = token(op["token"].as_u64().ok_or("no token")?);
                    let is_resumed = table.consume(now, token, &binding).is_ok();
                    resumes += u64::from(is_resumed);
                    json!(is_resumed)
                }
                op => return Err(format!("op {op:?} not known")),
            };
            if got != *wanted {
                return Err(format!("op {at}: got {got}, wanted {wanted}"));
            }
        }
        if json!(resumes) == case["resumes_total"] {
            Ok(())
        } else {
            Err(format!("{resumes} resumes"))
        }
    });
}
