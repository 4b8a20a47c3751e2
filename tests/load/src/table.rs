//! Measurements as Markdown tables, which read well in a terminal and paste into a document.

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use serde_json::Value;

/// A table whose first column is text and whose other columns are figures, aligned right.
pub fn render(header: &[String], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A report as name and value per line; names of nested objects are joined with dots.
pub fn of_report(report: &Value) -> String {
    let mut rows = Vec::new();
    flatten("", report, &mut rows);
    render(&["figure".to_owned(), "value".to_owned()], &rows)
}

fn flatten(name: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let separator = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{separator}{field}"), value, rows);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            rows.push(vec![name.to_owned(), value.to_string()]);
        }
    }
}

/// A figure with about three significant digits.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_report_is_flattened_with_dots() {
        let table = of_report(&serde_json::json!({ "rps": 5, "latency": { "p50_us": 1.5 } }));
        assert!(table.contains("| latency.p50_us |   1.5 |"), "{table}");
    }
}
