//! How each language writes comments and strings.

use super::language::Language;

/// The marks of a language.
pub(super) struct Syntax {
    /// Comments to the end of the line.
    pub line_comments: &'static [&'static str],
    /// Comments with an end mark.
    pub block_comments: &'static [(&'static str, &'static str)],
    /// Strings, longer opening marks first.
    pub strings: &'static [Quote],
    /// Whether `'x'` is a character and any other `'` is not a quote.
    pub has_chars: bool,
}

/// The marks of one kind of string.
pub(super) struct Quote {
    pub open: &'static str,
    pub close: &'static str,
    /// Whether a backslash escapes the next character.
    pub escapes: bool,
    /// Whether it goes on over line ends.
    pub multi_line: bool,
}

const fn quote(open: &'static str, close: &'static str, escapes: bool, multi_line: bool) -> Quote {
    Quote {
        open,
        close,
        escapes,
        multi_line,
    }
}

const DOUBLE: Quote = quote("\"", "\"", true, false);
const SINGLE: Quote = quote("'", "'", true, false);
const DOUBLE_LINES: Quote = quote("\"", "\"", true, true);
const SINGLE_LINES: Quote = quote("'", "'", true, true);
const THREE_DOUBLE: Quote = quote("\"\"\"", "\"\"\"", true, true);
const THREE_SINGLE: Quote = quote("'''", "'''", true, true);
const BACKTICK: Quote = quote("`", "`", true, true);
const RAW_BACKTICK: Quote = quote("`", "`", false, true);
const RAW: Quote = quote("r\"", "\"", false, true);
const RAW_ONE: Quote = quote("r#\"", "\"#", false, true);
const RAW_TWO: Quote = quote("r##\"", "\"##", false, true);

const SLASHES: &[(&str, &str)] = &[("/*", "*/")];

const fn of(
    line_comments: &'static [&'static str],
    block_comments: &'static [(&'static str, &'static str)],
    strings: &'static [Quote],
    has_chars: bool,
) -> Syntax {
    Syntax {
        line_comments,
        block_comments,
        strings,
        has_chars,
    }
}

/// The marks of `language`; none for a language that is not known.
pub(super) const fn syntax(language: Language) -> Syntax {
    match language {
        Language::Python => of(&["#"], &[], &[THREE_DOUBLE, THREE_SINGLE, DOUBLE, SINGLE], false),
        Language::JavaScript => of(&["//"], SLASHES, &[DOUBLE, SINGLE, BACKTICK], false),
        Language::Java | Language::Kotlin | Language::CSharp | Language::C => {
            of(&["//"], SLASHES, &[THREE_DOUBLE, DOUBLE], true)
        }
        Language::Go => of(&["//"], SLASHES, &[DOUBLE, RAW_BACKTICK], true),
        Language::Rust => of(&["//"], SLASHES, &[RAW_TWO, RAW_ONE, RAW, DOUBLE_LINES], true),
        Language::Php => of(&["//", "#"], SLASHES, &[DOUBLE_LINES, SINGLE_LINES], false),
        Language::Ruby => of(&["#"], &[], &[DOUBLE_LINES, SINGLE_LINES], false),
        Language::Shell | Language::Config => of(&["#"], &[], &[DOUBLE, SINGLE], false),
        Language::Sql => of(&["--"], SLASHES, &[SINGLE], false),
        Language::Markup => of(&[], &[("<!--", "-->")], &[], false),
        Language::Json => of(&[], &[], &[DOUBLE], false),
        Language::Other => of(&[], &[], &[], false),
    }
}
