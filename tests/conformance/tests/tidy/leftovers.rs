//! What is left over when somebody stops in the middle: skipped tests, unfinished code, notes to oneself.

use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};

use super::source::{File, files, report};

/// Attributes that make a test pass without running, or for the wrong reason.
const ATTRIBUTES: &[&str] = &["ignore", "should_panic"];

/// Macros that stand for code to be written.
const MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

/// Words by which comments put work off; a tracked issue is the place for it.
const WORDS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

/// Paths that exist on one machine only.
const PATHS: &[&str] = &["/home/", "/Users/", "/root/", "/work/"];

/// Names what `tokens` must not contain, following groups.
fn leftovers(tokens: TokenStream, found: &mut Vec<String>) {
    let mut previous: Option<String> = None;
    for token in tokens {
        match &token {
            TokenTree::Group(group) => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                if previous.as_deref() == Some("#")
                    && let Some(TokenTree::Ident(name)) = inside.first()
                    && ATTRIBUTES.contains(&name.to_string().as_str())
                {
                    found.push(format!("#[{name}]"));
                }
                leftovers(group.stream(), found);
            }
            TokenTree::Punct(punct) if punct.as_char() == '!' => {
                if let Some(name) = previous.as_deref().filter(|name| MACROS.contains(name)) {
                    found.push(format!("{name}!"));
                }
            }
            TokenTree::Punct(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
        previous = Some(token.to_string());
    }
}

fn in_code(file: &File) -> Vec<String> {
    let tokens = TokenStream::from_str(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
    let mut found = Vec::new();
    leftovers(tokens, &mut found);
    found
}

/// Lines that are comments, with their numbers.
fn comments(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let lines = file.text.lines().enumerate();
    lines.filter_map(|(index, line)| line.trim_start().strip_prefix("//").map(|text| (index + 1, text)))
}

#[test]
fn no_test_is_skipped_and_no_code_is_unwritten() {
    let mut complaints = Vec::new();
    for file in files(&[".rs"]) {
        complaints.extend(in_code(&file).iter().map(|what| format!("{}: {what}", file.path)));
    }
    report("unfinished code", &complaints);
}

#[test]
fn comments_put_nothing_off() {
    let mut complaints = Vec::new();
    for file in files(&[".rs"]) {
        for (line, comment) in comments(&file) {
            let mut words = comment.split(|character: char| !character.is_ascii_alphanumeric());
            if let Some(word) = words.find(|word| WORDS.contains(word)) {
                complaints.push(format!("{}:{line}: {word}", file.path));
            }
        }
    }
    report("notes to oneself", &complaints);
}

#[test]
fn nothing_names_a_path_of_one_machine() {
    let mut complaints = Vec::new();
    for file in files(&[".rs", ".toml", ".md", ".sh", ".yaml"]) {
        let exempt = [
            "tests/fixtures/",
            "tests/conformance/tests/tidy/",
            "node/src/builtin/reviewer/",
        ];
        if exempt.iter().any(|folder| file.path.starts_with(folder)) {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            if let Some(path) = PATHS.iter().find(|path| line.contains(**path)) {
                complaints.push(format!("{}:{}: {path}", file.path, index + 1));
            }
        }
    }
    report("paths of one machine", &complaints);
}

#[test]
fn the_search_sees_code_and_not_what_is_quoted() {
    let code = r##"
        // todo!() in a comment
        fn quoted() -> &'static str { "todo!() #[ignore]" }
        #[ignore = "slow"]
        fn skipped() { todo!() }
    "##;
    let file = File {
        path: String::new(),
        text: code.to_owned(),
    };
    assert_eq!(in_code(&file), ["#[ignore]", "todo!"]);
}
