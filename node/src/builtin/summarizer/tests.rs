use std::sync::Arc;

use atp_protocol::request::Content;
use proptest::prelude::*;

use super::*;

const DOCUMENT: &str = include_str!("../../../../tests/fixtures/document.md");

fn run(text: &str, max_tokens: Option<u64>) -> Result<Answer, Fault> {
    Summarizer.run(&Brief {
        content: Arc::new(Content::prompt(text)),
        max_tokens,
    })
}

#[test]
fn the_fixture_is_summarised_as_recorded() {
    let summary = run(DOCUMENT, None).unwrap().pieces.concat();
    assert_eq!(
        summary,
        include_str!("../../../../tests/fixtures/document.summary.txt").trim_end()
    );
}

#[test]
fn an_instruction_around_the_text_changes_nothing() {
    let asked = format!("Summarize this report for the board:\n\n{DOCUMENT}\n\nPlease keep it short.");
    assert_eq!(
        run(&asked, None).unwrap().pieces,
        run(DOCUMENT, None).unwrap().pieces
    );
}

#[test]
fn the_length_follows_max_tokens() {
    let length = |max| tokens(run(DOCUMENT, Some(max)).unwrap().pieces.concat().len());
    assert!((40..=60).contains(&length(60)), "{}", length(60));
    assert!((150..=200).contains(&length(200)), "{}", length(200));
    assert!(length(100_000) <= tokens(DOCUMENT.len()) / 3 + 1);
}

#[test]
fn what_was_said_is_not_said_again() {
    let text = "The committee approved the annual budget for the new railway bridge. \
                Construction of the railway bridge will start in early spring next year. \
                The committee approved the annual budget for the new railway bridge. \
                Residents near the river asked for a noise barrier along the northern bank. \
                The committee approved the annual budget for the new railway bridge.";
    let pieces = run(text, Some(50)).unwrap().pieces;
    let said = pieces
        .iter()
        .filter(|piece| piece.contains("approved the annual budget"))
        .count();
    assert_eq!(said, 1, "{pieces:?}");
}

#[test]
fn a_limit_below_one_sentence_cuts_at_a_word() {
    let answer = run(
        "The quick brown fox jumps over the lazy dog near the old mill today.",
        Some(5),
    )
    .unwrap();
    assert!(answer.is_cut);
    assert_eq!(answer.pieces, ["The quick brown…"]);
}

#[test]
fn other_languages_are_read_with_their_own_words() {
    let text = "Der Stadtrat hat gestern den Haushalt für die neue Brücke beschlossen. Es war spät. Die Brücke soll \
                den Verkehr in der Innenstadt entlasten und im Herbst fertig sein. Der Haushalt der Stadt wird durch \
                die neue Brücke allerdings stark belastet. Niemand sagte etwas dazu.";
    let answer = run(text, Some(40)).unwrap();
    assert_eq!(answer.data.unwrap()["language"], "de");
    assert!(answer.pieces.concat().contains("Brücke"));
}

#[test]
fn nothing_to_say_and_too_much_to_read_are_told_apart() {
    assert_eq!(
        run("```rust\nfn main() {}\n```", None).unwrap_err().code,
        Code::BadInput
    );
    let many = "Word after word. ".repeat(MAX_SENTENCES + 1);
    assert_eq!(run(&many, None).unwrap_err().code, Code::Context);
}

proptest! {
    #[test]
    fn a_summary_is_within_its_limit_and_made_of_the_text(
        text in "([A-Z][a-z]{2,8}( [a-z]{2,8}){3,12}[.!?] ?\n?){1,30}",
        max in 4_u64..200,
    ) {
        let answer = run(&text, Some(max)).unwrap();
        prop_assert!(tokens(answer.pieces.concat().len()) <= max);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for piece in &answer.pieces {
            prop_assert!(words.contains(piece.trim().trim_end_matches('…')));
        }
        prop_assert_eq!(&answer, &run(&text, Some(max)).unwrap());
    }

    #[test]
    fn any_text_is_answered_or_refused(text in "\\PC{0,200}", max in proptest::option::of(0_u64..50)) {
        let _ = run(&text, max);
    }
}
