//! What is wrong with a policy document, and where.

use std::fmt;

use serde::Serialize;

/// Most problems reported for one document; the rest are only counted.
const REPORTED_MAX: usize = 100;

/// Whether a problem keeps a document from being loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is rejected as a whole.
    Error,
    /// Loaded, but probably not what was meant.
    Warning,
}

/// One problem of a policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// Line it starts on, from 1.
    pub line: usize,
    /// Column it starts in, in characters from 1.
    pub column: usize,
    /// Whether it keeps the document from being loaded.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}: {severity}: {}", self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Where something stands in a document: line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    /// The first character of a document.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// Problems collected while a document is read.
#[derive(Debug, Default)]
pub(super) struct Lints {
    reported: Vec<Lint>,
    suppressed: usize,
    has_errors: bool,
}

impl Lints {
    pub(super) fn error(&mut self, at: Position, message: impl Into<String>) {
        self.push(at, Severity::Error, message.into(), None);
    }

    pub(super) fn error_with_hint(
        &mut self,
        at: Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(at, Severity::Error, message.into(), Some(hint.into()));
    }

    pub(super) fn warning(&mut self, at: Position, message: impl Into<String>, hint: impl Into<String>) {
        self.push(at, Severity::Warning, message.into(), Some(hint.into()));
    }

    fn push(&mut self, at: Position, severity: Severity, message: String, hint: Option<String>) {
        self.has_errors |= severity == Severity::Error;
        if self.reported.len() >= REPORTED_MAX {
            self.suppressed += 1;
            return;
        }
        self.reported.push(Lint {
            line: at.line,
            column: at.column,
            severity,
            message,
            hint,
        });
    }

    pub(super) const fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// The problems in document order, the count of those left out last.
    pub(super) fn into_vec(mut self) -> Vec<Lint> {
        self.reported
            .sort_by_key(|lint| (lint.line, lint.column, lint.severity));
        if self.suppressed > 0 {
            let line = self.reported.last().map_or(1, |lint| lint.line);
            self.reported.push(Lint {
                line,
                column: 1,
                severity: if self.has_errors {
                    Severity::Error
                } else {
                    Severity::Warning
                },
                message: format!("{} more problems", self.suppressed),
                hint: Some("mend the first ones and check again".to_owned()),
            });
        }
        self.reported
    }
}
