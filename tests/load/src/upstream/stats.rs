//! The books of the upstream, as `GET /stats` returns them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// Counts since start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Completion and embedding requests that were read.
    pub requests: u64,
    /// Requests answered 429 or 500 on purpose.
    pub refused: u64,
    /// Requests in work, and the most there ever were at once.
    pub in_flight: u64,
    /// See `in_flight`.
    pub peak_in_flight: u64,
    /// Streams begun and neither ended nor aborted.
    pub open_streams: u64,
    /// Bytes handed to the connections of the streams in `open_streams`. While a reader does not read, this
    /// stops growing unless somebody between buffers without a bound.
    pub open_stream_bytes: u64,
    /// Answers whose reader went away before their end.
    pub aborted: u64,
    /// Billed tokens by credential, then by model. Without a credential the key is empty.
    pub billed: BTreeMap<String, BTreeMap<String, Bill>>,
}

/// What one credential owes for one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Billed requests.
    pub requests: u64,
    /// Prompt tokens, billed when a request is accepted.
    pub prompt_tokens: u64,
    /// Completion tokens, billed as they are sent.
    pub completion_tokens: u64,
}

/// The books, shared by the connections of the one thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Books(Rc<RefCell<Stats>>);

impl Books {
    pub(super) fn snapshot(&self) -> Stats {
        self.0.borrow().clone()
    }

    /// Counts a request that is refused without being billed.
    pub(super) fn refuse(&self) {
        let mut stats = self.0.borrow_mut();
        stats.requests += 1;
        stats.refused += 1;
    }

    /// Bills the prompt and follows the request to its end.
    pub(super) fn open(&self, key: String, model: String, prompt_tokens: u64) -> Meter {
        let mut stats = self.0.borrow_mut();
        stats.requests += 1;
        stats.in_flight += 1;
        stats.peak_in_flight = stats.peak_in_flight.max(stats.in_flight);
        let bill = stats.bill(&key, &model);
        bill.requests += 1;
        bill.prompt_tokens += prompt_tokens;
        Meter {
            books: self.clone(),
            key,
            model,
            stream_bytes: None,
            ended: false,
        }
    }
}

impl Stats {
    fn bill(&mut self, key: &str, model: &str) -> &mut Bill {
        if !self.billed.contains_key(key) {
            self.billed.insert(key.to_owned(), BTreeMap::new());
        }
        let models = self.billed.get_mut(key).expect("inserted above");
        if !models.contains_key(model) {
            models.insert(model.to_owned(), Bill::default());
        }
        models.get_mut(model).expect("inserted above")
    }
}

/// Counts one request; dropped before [`Meter::end`], the request was aborted.
#[derive(Debug)]
pub(super) struct Meter {
    books: Books,
    key: String,
    model: String,
    /// Bytes sent, of a request that streams.
    stream_bytes: Option<u64>,
    ended: bool,
}

impl Meter {
    pub(super) fn complete(&self, tokens: u64) {
        self.books
            .0
            .borrow_mut()
            .bill(&self.key, &self.model)
            .completion_tokens += tokens;
    }

    pub(super) fn begin_stream(&mut self) {
        self.stream_bytes = Some(0);
        self.books.0.borrow_mut().open_streams += 1;
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some(sent) = &mut self.stream_bytes {
            *sent += bytes as u64;
            self.books.0.borrow_mut().open_stream_bytes += bytes as u64;
        }
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let mut stats = self.books.0.borrow_mut();
        stats.in_flight -= 1;
        stats.aborted += u64::from(!self.ended);
        if let Some(sent) = self.stream_bytes {
            stats.open_streams -= 1;
            stats.open_stream_bytes -= sent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_dropped_before_its_end_is_aborted_and_billed_for_what_it_got() {
        let books = Books::default();
        let mut meter = books.open("k".into(), "m".into(), 5);
        meter.begin_stream();
        meter.complete(2);
        meter.sent(100);
        assert_eq!(
            (books.snapshot().open_streams, books.snapshot().open_stream_bytes),
            (1, 100)
        );
        drop(meter);
        let stats = books.snapshot();
        assert_eq!(
            (
                stats.aborted,
                stats.in_flight,
                stats.open_streams,
                stats.open_stream_bytes
            ),
            (1, 0, 0, 0)
        );
        assert_eq!(
            stats.billed["k"]["m"],
            Bill {
                requests: 1,
                prompt_tokens: 5,
                completion_tokens: 2
            }
        );
    }
}
