use std::sync::Arc;

use atp_protocol::request::Content;
use proptest::prelude::*;

use super::*;

fn run(text: &str, max_tokens: Option<u64>) -> Result<Answer, Fault> {
    Keywords.run(&Brief {
        content: Arc::new(Content::prompt(text)),
        max_tokens,
    })
}

fn keywords(text: &str) -> Vec<String> {
    let said = run(text, None).unwrap().pieces.concat();
    said.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_fixture_is_about_what_it_is_about() {
    let document = include_str!("../../../../tests/fixtures/document.md");
    assert_eq!(
        keywords(document),
        [
            "service",
            "region",
            "checkout service",
            "minutes",
            "ledger",
            "certificate",
            "root",
            "health check",
            "service reloads",
            "bundle"
        ]
    );
}

#[test]
fn phrases_win_over_their_words_and_keep_their_writing() {
    let text = "The circuit breaker opens when calls fail. A circuit breaker that is open refuses calls. \
                After a pause the circuit breaker lets one call through. Half-open probes help: a half-open \
                probe tests the pause. Circuit breakers need few half-open probes.";
    let found = keywords(text);
    assert_eq!(found[..2], ["Half-open probes", "circuit breaker"]);
    assert!(!found.contains(&"circuit".to_owned()) && !found.contains(&"breaker".to_owned()));
}

#[test]
fn scores_fall_from_one_and_counts_are_of_the_text() {
    let data = run(
        "Rivers carry sand. Rivers carve valleys. Sand fills valleys. Rivers.",
        None,
    )
    .unwrap()
    .data
    .unwrap();
    let list = data["keywords"].as_array().unwrap();
    assert_eq!(
        (list[0]["text"].as_str(), list[0]["count"].as_u64()),
        (Some("Rivers"), Some(3))
    );
    let scores: Vec<f64> = list
        .iter()
        .map(|keyword| keyword["score"].as_f64().unwrap())
        .collect();
    assert_eq!(scores[0], 1.0);
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
}

#[test]
fn a_limit_names_fewer_and_code_alone_none() {
    let text = "Rivers carry sand. Rivers carve valleys. Sand fills valleys.";
    let answer = run(text, Some(3)).unwrap();
    assert!(answer.is_cut && tokens(answer.pieces.concat().len()) <= 3);
    assert_eq!(run("```\ncode\n```", None).unwrap_err().code, Code::BadInput);
}

#[test]
fn the_filler_list_is_sorted_for_its_search() {
    assert!(words::FILLERS.is_sorted());
}

proptest! {
    #[test]
    fn any_text_is_answered_alike_twice(text in "(\\PC|\n){0,300}") {
        prop_assert_eq!(run(&text, None).ok(), run(&text, None).ok());
    }
}
