//! Tells code, strings and comments apart, so that a rule sees only what it is about.
//!
//! A small lexer by table: exact where a language is simple, forgiving where it is not. A string left open at the end of
//! its line ends there in languages without multi-line strings, so that one mistake never spreads.

use std::collections::VecDeque;

use super::language::Language;
use super::syntax::{Syntax, syntax};

/// One text in four lights. All have the same length and line ends; what a view leaves out is blank.
pub(super) struct Views {
    raw: String,
    code: String,
    bare: String,
    comments: String,
}

/// Which view a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Everything.
    Raw,
    /// Without comments.
    Code,
    /// Without comments and without what stands between quotes.
    Bare,
    /// Comments only.
    Comments,
}

impl Views {
    /// Lexes `text`.
    pub(super) fn of(language: Language, text: &str) -> Self {
        let mut code = Vec::with_capacity(text.len());
        let mut bare = Vec::with_capacity(text.len());
        let mut comments = Vec::with_capacity(text.len());
        for (part, kind) in Lexer::new(language, text) {
            for byte in part.bytes() {
                let blank = if byte == b'\n' { b'\n' } else { b' ' };
                code.push(if kind == Kind::Comment { blank } else { byte });
                bare.push(if kind == Kind::Code { byte } else { blank });
                comments.push(if kind == Kind::Comment { byte } else { blank });
            }
        }
        let text_of = |bytes| String::from_utf8(bytes).expect("whole characters are kept or blanked");
        Self {
            raw: text.to_owned(),
            code: text_of(code),
            bare: text_of(bare),
            comments: text_of(comments),
        }
    }

    /// The text in one light.
    pub(super) fn view(&self, view: View) -> &str {
        match view {
            View::Raw => &self.raw,
            View::Code => &self.code,
            View::Bare => &self.bare,
            View::Comments => &self.comments,
        }
    }

    /// Everything.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Code, quotes included.
    Code,
    /// What stands between quotes.
    Text,
    /// A comment with its marks.
    Comment,
}

/// Yields the text in parts of one kind each.
struct Lexer<'a> {
    syntax: Syntax,
    rest: &'a str,
    /// Last character before `rest`; `\n` at the start.
    before: char,
    /// Last character of code that is not white space; a new line's start has none.
    last: char,
    /// Whether only white space stands before `rest` on its line.
    is_line_start: bool,
    language: Language,
    /// Parts found ahead.
    next: VecDeque<(&'a str, Kind)>,
}

impl<'a> Lexer<'a> {
    fn new(language: Language, text: &'a str) -> Self {
        let mut lexer = Self {
            syntax: syntax(language),
            rest: text,
            before: '\n',
            last: ':',
            is_line_start: true,
            language,
            next: VecDeque::new(),
        };
        // A hunk may begin inside a block comment: then the comment's end comes before any beginning.
        if let [(open, close)] = lexer.syntax.block_comments
            && let Some(end) = text.find(close)
            && text.find(open).is_none_or(|start| end < start)
        {
            lexer.emit(end + close.len(), Kind::Comment);
        }
        lexer
    }

    fn emit(&mut self, len: usize, kind: Kind) {
        let (part, rest) = self.rest.split_at(len);
        self.before = part.chars().next_back().unwrap_or(self.before);
        let line = part.rsplit('\n').next().unwrap_or(part);
        let is_blank = line.chars().all(char::is_whitespace);
        self.is_line_start = is_blank && (self.is_line_start || line.len() < part.len());
        if kind == Kind::Code {
            self.last = part.trim_end().chars().next_back().unwrap_or(self.last);
        }
        self.rest = rest;
        if !part.is_empty() {
            self.next.push_back((part, kind));
        }
    }

    fn comment(&self) -> Option<usize> {
        let line_end = || self.rest.find('\n').unwrap_or(self.rest.len());
        for mark in self.syntax.line_comments {
            // `#` inside a word, as in `$#` or a URL, is not a comment; `#[` is an attribute.
            let starts = self.rest.starts_with(mark)
                && (*mark != "#" || self.before.is_whitespace() && !self.rest.starts_with("#["));
            if starts {
                return Some(line_end());
            }
        }
        self.syntax
            .block_comments
            .iter()
            .find(|(open, _)| self.rest.starts_with(open))
            .map(|(open, close)| match self.rest[open.len()..].find(close) {
                Some(at) => open.len() + at + close.len(),
                None => self.rest.len(),
            })
    }

    /// Whether the string that opens here is a statement of its own, which in Python is documentation.
    fn is_docstring(&self) -> bool {
        self.language == Language::Python
            && self.is_line_start
            && !matches!(
                self.last,
                '(' | '[' | '{' | ',' | '=' | '+' | '%' | '\\' | '"' | '\''
            )
    }

    /// Length of the quote that opens here, of what it quotes, and of the quote that closes it.
    fn string(&self) -> Option<(usize, usize, usize)> {
        if self.syntax.has_chars && self.rest.starts_with('\'') {
            return char_literal(self.rest);
        }
        let quote = self
            .syntax
            .strings
            .iter()
            .find(|quote| self.rest.starts_with(quote.open))?;
        // `r"` is a prefix only where a word does not end in `r`.
        if quote.open.starts_with('r') && (self.before.is_alphanumeric() || self.before == '_') {
            return None;
        }
        let body = &self.rest[quote.open.len()..];
        let mut at = 0;
        while at < body.len() {
            let here = &body[at..];
            if here.starts_with(quote.close) {
                return Some((quote.open.len(), at, quote.close.len()));
            }
            if here.starts_with('\n') && !quote.multi_line {
                return Some((quote.open.len(), at, 0));
            }
            let is_escape = quote.escapes && here.starts_with('\\');
            let step = here.chars().take(if is_escape { 2 } else { 1 });
            at += step.map(char::len_utf8).sum::<usize>();
        }
        Some((quote.open.len(), body.len(), 0))
    }
}

fn char_literal(rest: &str) -> Option<(usize, usize, usize)> {
    let body = &rest[1..];
    let first = body.chars().next()?;
    let min = if first == '\\' { 2 } else { first.len_utf8() };
    let tail = body.get(min..)?;
    let end = tail.char_indices().take(10).find(|&(_, c)| c == '\'')?.0;
    let is_char = first == '\\' || end == 0;
    is_char.then_some((1, min + end, 1))
}

impl<'a> Iterator for Lexer<'a> {
    type Item = (&'a str, Kind);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next.is_empty() && !self.rest.is_empty() {
            if let Some(len) = self.comment() {
                self.emit(len, Kind::Comment);
            } else if let Some((open, body, close)) = self.string() {
                if self.is_docstring() {
                    self.emit(open + body + close, Kind::Comment);
                    continue;
                }
                self.emit(open, Kind::Code);
                self.emit(body, Kind::Text);
                self.emit(close, Kind::Code);
            } else {
                let len = self.rest.chars().next().map_or(0, char::len_utf8);
                self.emit(len, Kind::Code);
            }
        }
        self.next.pop_front()
    }
}

#[cfg(test)]
mod tests;
