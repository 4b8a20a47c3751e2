//! What is seen of an answer while it comes.
//!
//! On a terminal: text as it comes, above lines that live: one for the whole, one for each lane. Elsewhere: nothing until
//! the end, because text that a restart voids cannot be taken back from a pipe.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::ctl::screen::{dollars, visible};
use crate::ctl::{Failure, Screen};

/// How often the living lines move.
const TICK: Duration = Duration::from_millis(100);

/// Lanes that get a line; a plan has no more than a policy's `k`.
const LANES_MAX: usize = 16;

/// Characters of the line being written that are shown before it is whole.
const TAIL_CHARS: usize = 80;

/// What a token is about, in characters, for a figure that only shows that something moves.
const CHARS_A_TOKEN: usize = 4;

/// The view of one answer.
pub(super) struct View {
    live: Option<Live>,
    /// Text after the last whole line.
    tail: String,
    chars: usize,
}

struct Live {
    all: MultiProgress,
    total: ProgressBar,
    held: String,
    lanes: BTreeMap<String, Lane>,
}

struct Lane {
    bar: ProgressBar,
    chars: usize,
}

impl View {
    pub(super) fn new(screen: &Screen) -> Self {
        let live = (screen.is_terminal && !screen.is_json).then(Live::new);
        Self {
            live,
            tail: String::new(),
            chars: 0,
        }
    }

    pub(super) fn record(&mut self, screen: &mut Screen, record: &Value) -> Result<(), Failure> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        match record["type"].as_str() {
            Some("plan") => live.plan(record),
            Some("lane") => live.lane(record),
            Some("chunk") => {
                let text = visible(record["text"].as_str().unwrap_or_default());
                self.chars += text.chars().count();
                self.tail.push_str(&text);
                if let Some(end) = self.tail.rfind('\n') {
                    let whole: String = self.tail.drain(..=end).collect();
                    live.all.suspend(|| screen.text(&whole))?;
                }
            }
            Some("event") if record["event"] == "restart" => {
                self.tail.clear();
                self.chars = 0;
                live.all
                    .suspend(|| screen.aside("-- that lane failed; the answer starts anew --"))?;
            }
            Some("event") => {
                let event = record["event"].as_str().unwrap_or("event");
                live.total.set_prefix(visible(event));
            }
            Some("provisional") => live
                .total
                .set_prefix(format!("provisional {}", record["revision"])),
            _ => {}
        }
        let live = self.live.as_ref().expect("looked at above");
        live.total.set_message(live.message(self.chars, &self.tail));
        Ok(())
    }

    /// Ends the living lines and writes what of the text is still to be written.
    pub(super) fn finish(self, screen: &mut Screen, last: &Value) -> Result<(), Failure> {
        let text = visible(last["text"].as_str().unwrap_or_default());
        match self.live {
            Some(live) => {
                live.clear();
                // Reconciled answers come whole, with the final record.
                let rest = if self.chars == 0 { &text } else { &self.tail };
                end_of_line(screen, rest)
            }
            None => end_of_line(screen, &text),
        }
    }
}

fn end_of_line(screen: &mut Screen, text: &str) -> Result<(), Failure> {
    match text.trim_end_matches('\n') {
        "" => Ok(()),
        text => screen.line(text),
    }
}

impl Live {
    fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new_spinner());
        total.set_style(style("{spinner} {elapsed} {prefix} {msg}"));
        total.set_prefix("asking");
        total.enable_steady_tick(TICK);
        Self {
            all,
            total,
            held: String::new(),
            lanes: BTreeMap::new(),
        }
    }

    fn plan(&mut self, plan: &Value) {
        self.total.set_prefix("answering");
        self.held = format!(
            ", at most {}",
            dollars(plan["hold"]["usd_micros"].as_u64().unwrap_or(0))
        );
        let lanes = plan["roles"].as_array().map_or(0, |roles| {
            roles.iter().filter(|role| role["role"] != "fallback").count()
        });
        if lanes > 1 {
            self.held.push_str(&format!(", {lanes} lanes"));
        }
    }

    fn lane(&mut self, record: &Value) {
        let name = format!(
            "{}#{}",
            record["persona_id"].as_str().unwrap_or("lane"),
            record["clone_id"].as_u64().unwrap_or(0)
        );
        if !self.lanes.contains_key(&name) && self.lanes.len() == LANES_MAX {
            return;
        }
        let lane = self.lanes.entry(name).or_insert_with_key(|name| {
            let bar = self.all.add(ProgressBar::new_spinner());
            bar.set_style(style("  {prefix} {msg}"));
            bar.set_prefix(visible(name));
            Lane { bar, chars: 0 }
        });
        lane.chars += record["text"].as_str().unwrap_or_default().chars().count();
        let confidence = record["confidence"]
            .as_f64()
            .map_or_else(String::new, |confidence| format!(", confidence {confidence:.2}"));
        lane.bar
            .set_message(format!("about {} tokens{confidence}", lane.chars / CHARS_A_TOKEN));
    }

    fn message(&self, chars: usize, tail: &str) -> String {
        let count = tail.chars().count();
        let tail: String = tail.chars().skip(count.saturating_sub(TAIL_CHARS)).collect();
        format!("about {} tokens{}  {tail}", chars / CHARS_A_TOKEN, self.held)
    }

    fn clear(&self) {
        for lane in self.lanes.values() {
            lane.bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("our own templates are well formed")
}
