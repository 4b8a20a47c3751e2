//! Embeddings: short vectors that depend on the text alone, so that equal texts are equal and others are not.

use super::request::Request;
use super::script::{Fault, Script};
use super::surface::quoted;

/// Components of a vector.
const DIMENSIONS: usize = 8;

pub(super) fn answer(request: &Request, script: &Script) -> String {
    let rows: Vec<String> = request
        .inputs()
        .iter()
        .enumerate()
        .map(|(index, text)| row(index, text))
        .collect();
    let usage = match script.fault {
        Some(Fault::NoUsage) => String::new(),
        _ => format!(
            r#","usage":{{"prompt_tokens":{0},"total_tokens":{0}}}"#,
            script.prompt_tokens
        ),
    };
    format!(
        r#"{{"object":"list","data":[{}],"model":{}{usage}}}"#,
        rows.join(","),
        quoted(&script.model)
    )
}

fn row(index: usize, text: &str) -> String {
    let vector: Vec<String> = vector(text)
        .iter()
        .map(|component| format!("{component:.6}"))
        .collect();
    format!(
        r#"{{"object":"embedding","index":{index},"embedding":[{}]}}"#,
        vector.join(",")
    )
}

/// A unit vector of byte frequencies.
fn vector(text: &str) -> [f64; DIMENSIONS] {
    let mut counts = [0.5; DIMENSIONS];
    for byte in text.bytes() {
        counts[usize::from(byte) % DIMENSIONS] += 1.0;
    }
    let length = counts.iter().map(|count| count * count).sum::<f64>().sqrt();
    counts.map(|count| count / length)
}
