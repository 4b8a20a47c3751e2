//! `anti_replay.json`: nonces without `ts` (atp.md section 14).

use atp_protocol::ids::TenantId;
use atp_protocol::replay::{NonceStore, Refusal, ReplayConfig};
use atp_protocol::units::{Millis, UnixMillis};
use serde_json::json;

#[test]
fn a_nonce_is_good_once_in_its_time() {
    super::run("anti_replay", |case| {
        let mut store = NonceStore::new(ReplayConfig {
            ttl_ms: case["ttl_ms"].as_u64().ok_or("no ttl")?,
            ..ReplayConfig::default()
        });
        let tenant = TenantId::new("acme").map_err(|error| error.to_string())?;
        let mut rejects = 0;
        let steps = case["steps"].as_array().ok_or("no steps")?;
        let wanted = case["expect"].as_array().ok_or("no expectation")?;
        for (at, (step, wanted)) in steps.iter().zip(wanted).enumerate() {
            let now = Millis(step["t_ms"].as_u64().ok_or("no time")?);
            let nonce = step["nonce"].as_str().ok_or("no nonce")?;
            let got = store.check(now, UnixMillis(0), (&tenant, None, nonce), None);
            rejects += u64::from(got == Err(Refusal::Seen));
            if json!(got.is_ok()) != *wanted {
                return Err(format!("step {at}: got {got:?}, wanted {wanted}"));
            }
        }
        if json!(rejects) == case["replay_reject_total"] {
            Ok(())
        } else {
            Err(format!("{rejects} rejected"))
        }
    });
}
