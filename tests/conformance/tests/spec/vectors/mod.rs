//! Vector files of `ATP_VECTORS` (default: the specification beside the checkout), one module a file.
//!
//! A module is named after its file and registered in [`FILES`] by the `vector_files!` list below, so that a file nobody
//! reads fails `every_file_is_read`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

macro_rules! vector_files {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*
        /// Files that have a module.
        const FILES: &[&str] = &[$(stringify!($name)),*];
    };
}

vector_files!(
    ack_tracker,
    agent_status,
    aimd,
    anti_replay,
    atpc_envelope,
    budget,
    budget_anomaly,
    canonical_json,
    cbor_values,
    circuit_breaker,
    consensus,
    error_mapping,
    estimates,
    evidence,
    fair_queue,
    fragment_checksum,
    fragment_markers,
    fragmentation,
    frame_checksum,
    frame_model,
    heartbeat,
    hmac_keyring,
    hmac_sign,
    lanes,
    negotiation,
    parallel_session,
    policy,
    preemption,
    reassembly,
    reputation,
    resumption,
    retransmit_queue,
    sdk_dialects,
    watermark,
);

/// The folder of the vectors of one specification.
fn folder() -> PathBuf {
    let root = std::env::var_os("ATP_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec/vectors"),
        PathBuf::from,
    );
    root.join("atp")
}

/// The cases of one file. Panics with the path when it cannot be read: a vector that is not run must not pass.
fn cases(name: &str) -> Vec<Value> {
    let path = folder().join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases = file["cases"]
        .as_array()
        .unwrap_or_else(|| panic!("{}: no cases", path.display()));
    assert!(!cases.is_empty(), "{}: no cases", path.display());
    cases.clone()
}

/// Runs `check` on every case of a file and reports all failures, each with the case's name.
fn run(name: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let cases = cases(name);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            check(case)
                .err()
                .map(|why| format!("{}: {why}", case["name"].as_str().unwrap_or("?")))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases of {name}:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

#[test]
fn every_file_is_read() {
    let mut unread = Vec::new();
    for entry in fs::read_dir(folder()).expect("the folder of vectors is readable") {
        let path = entry.expect("an entry of the folder").path();
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a vector file has a name")
            .to_owned();
        if path.extension().is_some_and(|extension| extension == "json") && !FILES.contains(&name.as_str()) {
            unread.push(name);
        }
    }
    assert!(
        unread.is_empty(),
        "vector files without a module that reads them: {unread:?}"
    );
}

/// Fails a case with both texts when they differ.
fn equal(got: &str, wanted: &str) -> Result<(), String> {
    if got == wanted {
        Ok(())
    } else {
        Err(format!("got {got:?}, wanted {wanted:?}"))
    }
}

/// The string member `name` of a case.
fn text<'c>(case: &'c Value, name: &str) -> Result<&'c str, String> {
    case[name]
        .as_str()
        .ok_or_else(|| format!("the case has no text {name}"))
}

/// The bytes of the hex member `name` of a case.
fn bytes(case: &Value, name: &str) -> Result<Vec<u8>, String> {
    hex::decode(text(case, name)?).map_err(|error| format!("{name}: {error}"))
}
