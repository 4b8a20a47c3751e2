use proptest::prelude::*;

use super::*;

fn bare(language: Language, text: &str) -> String {
    Views::of(language, text).view(View::Bare).to_owned()
}

#[test]
fn strings_and_comments_are_blanked_where_they_stand() {
    let python = "x = 'a#b' # why\ny = \"\"\"two\nlines\"\"\"\n";
    assert_eq!(
        bare(Language::Python, python),
        "x = '   '      \ny = \"\"\"   \n     \"\"\"\n"
    );
    assert_eq!(
        Views::of(Language::Python, python)
            .view(View::Code)
            .lines()
            .next(),
        Some("x = 'a#b'      ")
    );
    assert_eq!(
        Views::of(Language::Python, python)
            .view(View::Comments)
            .lines()
            .next(),
        Some("          # why")
    );
}

#[test]
fn docstrings_are_comments_and_other_long_strings_are_not() {
    assert_eq!(
        bare(
            Language::Python,
            "def f():\n    \"\"\"Doc\"\"\"\n    g(\n        \"\"\"arg\"\"\"\n    )\n"
        ),
        "def f():\n             \n    g(\n        \"\"\"   \"\"\"\n    )\n"
    );
}

#[test]
fn lifetimes_are_not_characters_and_characters_are() {
    assert_eq!(
        bare(Language::Rust, "f::<'a>('\"', '\\n', r#\"x\"y\"#) // end"),
        "f::<'a>(' ', '  ', r#\"   \"#)       "
    );
    assert_eq!(bare(Language::Go, "x := `a\"b` + '\"'"), "x := `   ` + ' '");
}

#[test]
fn an_open_string_ends_with_its_line() {
    assert_eq!(bare(Language::JavaScript, "a = 'open\nb()"), "a = '    \nb()");
}

#[test]
fn a_hunk_that_begins_inside_a_comment_is_seen_to() {
    assert_eq!(
        bare(Language::Java, " * eval(x)\n */\ncall();"),
        "          \n   \ncall();"
    );
}

proptest! {
    #[test]
    fn every_view_has_the_length_and_lines_of_the_text(text in "[a-z'\"`#/*\\\\\n<!é-]{0,60}") {
        for language in [Language::Python, Language::JavaScript, Language::Rust, Language::Php, Language::Markup] {
            let views = Views::of(language, &text);
            for view in [View::Code, View::Bare, View::Comments] {
                prop_assert_eq!(views.view(view).len(), text.len());
                prop_assert_eq!(views.view(view).lines().count(), text.lines().count());
            }
        }
    }
}
