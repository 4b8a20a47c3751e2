//! Where a command writes.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::Serialize;

use super::Failure;

/// Standard output and error.
pub struct Screen {
    /// Results.
    pub out: Box<dyn Write>,
    /// What accompanies them.
    pub err: Box<dyn Write>,
    /// Somebody looks at both.
    pub is_terminal: bool,
    /// JSON is wanted.
    pub is_json: bool,
}

impl Screen {
    /// Writes text.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush())
            .map_err(lost)
    }

    /// Writes a line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.text(&format!("{line}\n"))
    }

    /// Writes a line that is no part of the result.
    pub(super) fn aside(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.err, "{line}").map_err(lost)
    }

    /// Writes one JSON document on one line.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).expect("our documents have string keys and finite numbers");
        self.line(&text)
    }

    /// Writes a table; columns named in `figures` are aligned right.
    pub(super) fn table(
        &mut self,
        header: &[&str],
        figures: &[&str],
        rows: Vec<Vec<String>>,
    ) -> Result<(), Failure> {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(header);
        for row in rows {
            table.add_row(row.into_iter().map(|cell| visible(&cell)));
        }
        for (at, column) in table.column_iter_mut().enumerate() {
            if figures.contains(&header[at]) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.line(&table.to_string())
    }
}

fn lost(source: io::Error) -> Failure {
    Failure::File {
        what: "cannot write the output".to_owned(),
        source,
    }
}

/// Text from elsewhere without what a terminal would obey.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .filter(|&c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect()
}

/// Micro-dollars as dollars.
pub(super) fn dollars(micros: u64) -> String {
    format!("${}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A figure, or a dash where there is none.
pub(super) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_cannot_steer_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\r\nc"), "a[2Jb\nc");
    }

    #[test]
    fn dollars_keep_every_micro() {
        assert_eq!(dollars(1_000_021), "$1.000021");
        assert_eq!(dollars(0), "$0.000000");
    }
}
