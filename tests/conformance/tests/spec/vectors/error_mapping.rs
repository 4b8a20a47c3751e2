//! `error_mapping.json`: what a caller is told for an error (atp.md section 15).
//!
//! Overridden by the specification: the detail of 401 and 403 never leaves the node (15.2, decision d).

use atp_protocol::error::{Code, Fault, presume};
use serde_json::Value;

/// A failure of the router that is no fault of the closed set.
#[derive(Debug)]
struct Unknown(String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unknown {}

fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member].as_str().unwrap_or_default()
}

fn expect(what: &str, got: &str, wanted: &str) -> Result<(), String> {
    if got == wanted {
        return Ok(());
    }
    Err(format!("{what}: got {got:?}, wanted {wanted:?}"))
}

fn marshalled(case: &Value, fault: &Fault) -> Result<(), String> {
    let problem = fault.problem("c-1");
    let payload = &case["payload"];
    expect("error", &problem.error, text(payload, "error"))?;
    let wanted = match problem.status {
        401 | 403 => problem.title.as_ref(),
        _ => text(payload, "detail"),
    };
    expect("detail", &problem.detail, wanted)?;
    let metric = format!("error_code_{}_total", problem.error);
    expect("metric", &metric, text(case, "metric"))
}

#[test]
fn errors_are_told_as_the_taxonomy_says() {
    super::run("error_mapping", |case| match text(case, "kind") {
        "exception" | "code" => {
            let code = Code::from_text(text(case, "code")).ok_or("code not known")?;
            let fault = Fault::new(code, text(case, "detail").to_owned());
            expect("display", &fault.to_string(), text(case, "display"))?;
            marshalled(case, &Fault::marshal(&fault, None))
        }
        "generic" => marshalled(case, &Fault::marshal(&Unknown(text(case, "message").to_owned()), None)),
        "catalogue" => {
            let payload = &case["payload"];
            let presumed = presume(text(case, "code"));
            expect("message", presumed.message, text(payload, "message"))?;
            let retry = (
                Some(presumed.retry.is_retryable()),
                presumed.retry.after_ms(),
            );
            let wanted = (payload["retryable"].as_bool(), payload["backoff_ms"].as_u64());
            if retry == wanted {
                Ok(())
            } else {
                Err(format!("retry: got {retry:?}, wanted {wanted:?}"))
            }
        }
        kind => Err(format!("kind {kind} not known")),
    });
}
