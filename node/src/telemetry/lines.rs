//! One log line: a JSON object with `ts`, `level`, `msg` and the event's fields (atp.md 27.3).
//!
//! An event of a request carries `correlation_id`, `session_id`, `stream_id`, `tenant` and, when it failed, `code`. Text that
//! looks like a credential is masked wherever it stands, and text is cut after [`TEXT_MAX`] bytes: neither is expected, since
//! nobody logs content, so this is the second lock on the door.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Longest text of a field in bytes.
const TEXT_MAX: usize = 256;

/// Tokens after `Bearer`, and keys by the prefixes that ours and providers' have.
static CREDENTIAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(bearer\s+|\b(?:atp|sk|pk|xai|gsk)[-_])[A-Za-z0-9._~+/=-]{8,}")
        .expect("a regular expression")
});

/// Writes lines.
pub(super) struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut ts = String::new();
        SystemTime.format_time(&mut Writer::new(&mut ts))?;
        let metadata = event.metadata();
        let mut line = Line(Map::new());
        line.0.insert("ts".to_owned(), ts.into());
        let level = metadata.level().as_str().to_ascii_lowercase();
        line.0.insert("level".to_owned(), level.into());
        line.0.insert("msg".to_owned(), Value::Null);
        event.record(&mut line);
        line.0.insert("target".to_owned(), metadata.target().into());
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

/// The members of a line.
struct Line(Map<String, Value>);

impl Line {
    fn set(&mut self, field: &Field, value: Value) {
        let name = match field.name() {
            "message" => "msg",
            // Fields do not take the place of what every line has.
            "ts" | "level" | "msg" | "target" => return,
            name => name,
        };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, shown(value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, shown(&format!("{value:?}")).into());
    }
}

/// Text without credentials, cut.
fn shown(text: &str) -> String {
    let masked: Cow<'_, str> = CREDENTIAL.replace_all(text, "$1[redacted]");
    let end = masked.floor_char_boundary(TEXT_MAX);
    match end < masked.len() {
        true => format!("{}…", &masked[..end]),
        false => masked.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::{info, subscriber, warn};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Registry, fmt};

    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(log: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = fmt::layer()
            .event_format(Lines)
            .with_writer(move || writer.clone());
        subscriber::with_default(Registry::default().with(layer), log);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line is JSON"))
            .collect()
    }

    #[test]
    fn a_line_has_its_members_and_its_fields_at_the_top() {
        let lines = written(|| {
            info!(correlation_id = "c", code = "EBUDGET", count = 3, "two\nlines");
        });
        let [line] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        assert_eq!(
            (&line["level"], &line["msg"]),
            (&"info".into(), &"two\nlines".into())
        );
        assert_eq!(
            (&line["correlation_id"], &line["count"]),
            (&"c".into(), &3.into())
        );
        let ts = line["ts"].as_str().unwrap();
        assert!(ts.ends_with('Z') && ts.contains('T'), "{ts}");
    }

    #[test]
    fn credentials_are_masked_and_text_is_cut() {
        let lines = written(|| {
            let long = "ä".repeat(1_000);
            warn!(error = %"sent Bearer abcdefgh12345678 and sk-0123456789abcdef", long, "failed");
        });
        let error = lines[0]["error"].as_str().unwrap();
        assert_eq!(error, "sent Bearer [redacted] and sk-[redacted]");
        assert!(lines[0]["long"].as_str().unwrap().len() <= TEXT_MAX + "…".len());
    }
}
