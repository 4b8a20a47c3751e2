//! Writes the audit log on a thread of its own (docs/adr/0007): those who note events never wait for a disk.
//!
//! Bounds: [`QUEUE`] events wait; what comes on top is lost. So is what the disk does not take. Either is counted
//! (`audit_records_lost_total`), and the next record that is written says how many are missing. Without requests that fail,
//! sessions that others share or operators at work there is nothing to write.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use atp_actors::audit::{Audit, unaudited};
use atp_actors::environment::Clock;
use atp_actors::metrics::Meter;
use atp_routing::audit::{Entry, Event};
use atp_storage::audit::{AuditLog, Options, WriteError};
use atp_storage::disk::FileDisk;

use crate::config::Config;
use crate::journal::StoreError;

/// Events waiting to be written, a few hundred bytes each.
const QUEUE: usize = 4_096;

/// What comes within this time is written and synced together.
const GATHER: Duration = Duration::from_millis(20);

/// Size past which a file is followed by another; a start reads one of them.
const FILE_BYTES: u64 = 8 << 20;

enum Message {
    Note(Entry),
    Stop,
}

/// What those who note events share.
struct Queue {
    messages: SyncSender<Message>,
    /// Events for which there was no room and that no record speaks of yet.
    lost: AtomicU64,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
}

impl Audit for Queue {
    fn note(&self, event: Event) {
        let at_ms = self.clock.unix();
        if let Err(TrySendError::Full(_)) = self.messages.try_send(Message::Note(Entry { at_ms, event })) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.meter.audit_lost.increment(1);
        }
    }
}

/// The log of a node, for as long as it runs.
pub(crate) struct Auditor {
    queue: Option<(Arc<Queue>, JoinHandle<()>)>,
}

impl Auditor {
    /// Opens the log below the data directory and notes that the node starts; none where the configuration wants none.
    pub(crate) fn start(
        config: &Config,
        clock: Arc<dyn Clock>,
        meter: Arc<Meter>,
    ) -> Result<Self, StoreError> {
        if !config.audit.enabled {
            return Ok(Self { queue: None });
        }
        let path = config.node.data_dir.join("audit");
        let (log, cut_bytes) = open(&path, config.audit.max_bytes)?;
        let (messages, noted) = sync_channel(QUEUE);
        let queue = Arc::new(Queue {
            messages,
            lost: AtomicU64::new(0),
            clock,
            meter,
        });
        let writer = Writer {
            log,
            queue: Arc::clone(&queue),
            unwritten: 0,
        };
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run(&noted))
            .map_err(|source| StoreError::Directory { path, source })?;
        queue.note(Event::NodeStarted {
            node: config.node.name.as_str().into(),
            version: env!("CARGO_PKG_VERSION"),
            cut_bytes,
        });
        Ok(Self {
            queue: Some((queue, thread)),
        })
    }

    /// Where to note events.
    pub(crate) fn audit(&self) -> Arc<dyn Audit> {
        match &self.queue {
            Some((queue, _)) => Arc::clone(queue) as _,
            None => unaudited(),
        }
    }

    /// Notes that the node has stopped, and returns when everything noted before is on the disk.
    pub(crate) fn stop(self) {
        let Some((queue, thread)) = self.queue else { return };
        queue.note(Event::NodeStopped);
        // A writer that is gone has said why.
        if queue.messages.send(Message::Stop).is_ok() {
            let _ = thread.join();
        }
    }
}

fn open(path: &Path, max_bytes: u64) -> Result<(AuditLog, u64), StoreError> {
    let disk = FileDisk::open(path).map_err(|source| StoreError::Directory {
        path: path.to_owned(),
        source,
    })?;
    let options = Options {
        file_bytes: FILE_BYTES,
        files_max: usize::try_from(max_bytes / FILE_BYTES).unwrap_or(usize::MAX),
    };
    let (log, opened) = AuditLog::open(Box::new(disk), options).map_err(|source| StoreError::Audit {
        path: path.to_owned(),
        source,
    })?;
    if opened.cut_bytes > 0 {
        tracing::warn!(path = %path.display(), bytes = opened.cut_bytes, "cut a torn record off the audit log's end");
    }
    tell_head(&log, "the audit log goes on");
    Ok((log, opened.cut_bytes))
}

/// The head in the log lines, which are kept elsewhere, is what a chain made anew cannot match.
fn tell_head(log: &AuditLog, what: &'static str) {
    let head = log.head();
    tracing::info!(seq = head.seq, hash = %head.hash, "{what}");
}

struct Writer {
    log: AuditLog,
    queue: Arc<Queue>,
    /// Records the disk did not take and that no record speaks of yet.
    unwritten: u64,
}

impl Writer {
    fn run(mut self, noted: &Receiver<Message>) {
        let mut is_stopping = false;
        while !is_stopping && let Ok(first) = noted.recv() {
            if matches!(first, Message::Note(_)) {
                std::thread::sleep(GATHER);
            }
            let mut entries = Vec::new();
            for message in std::iter::once(first).chain(noted.try_iter().take(QUEUE)) {
                match message {
                    Message::Note(entry) => entries.push(entry),
                    Message::Stop => is_stopping = true,
                }
            }
            // A line says what before it is durable. The last one says so of all others, or they could be altered and taken for a
            // torn tail; what was lost goes behind what was not, so then they are written together.
            let is_whole = self.queue.lost.load(Ordering::Relaxed) == 0;
            let apart = usize::from(is_stopping && is_whole).min(entries.len());
            let (others, last) = entries.split_at(entries.len() - apart);
            self.write(others);
            self.write(last);
        }
        tell_head(&self.log, "the audit log is closed");
    }

    /// Writes entries, and what is missing before and after them.
    fn write(&mut self, entries: &[Entry]) {
        let missing = self.queue.lost.swap(0, Ordering::Relaxed);
        let gap = |lost| {
            let at_ms = self.queue.clock.unix();
            let event = Event::Gap { lost };
            (lost > 0).then(|| Entry { at_ms, event }.to_json())
        };
        let (before, after) = (gap(self.unwritten), gap(missing));
        let noted = entries.iter().map(Entry::to_json);
        let records: Vec<String> = before.into_iter().chain(noted).chain(after).collect();
        if records.is_empty() {
            return;
        }
        let lines = records.iter().map(String::as_str);
        match self.log.append(lines).and_then(|()| self.log.sync()) {
            Ok(()) => {
                self.queue.meter.audit_records.increment(records.len() as u64);
                if std::mem::take(&mut self.unwritten) > 0 {
                    tracing::info!("the audit log is written again");
                }
            }
            Err(error) => self.missed(entries.len() as u64, missing, &error),
        }
    }

    fn missed(&mut self, entries: u64, missing: u64, error: &WriteError) {
        if self.unwritten == 0 {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, cause, "records for the audit log are lost");
        }
        self.queue.meter.audit_lost.increment(entries);
        self.unwritten += entries + missing;
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::units::UnixMillis;
    use atp_storage::audit::Verification;
    use atp_storage::disk::{Disk, MemoryDisk};

    use super::*;

    struct Midnight;

    impl Clock for Midnight {
        fn micros(&self) -> u64 {
            0
        }

        fn unix(&self) -> UnixMillis {
            UnixMillis(0)
        }
    }

    fn writer(disk: &MemoryDisk, room: usize) -> (Writer, Receiver<Message>) {
        let options = Options {
            file_bytes: FILE_BYTES,
            files_max: 2,
        };
        let (messages, noted) = sync_channel(room);
        let queue = Queue {
            messages,
            lost: AtomicU64::new(0),
            clock: Arc::new(Midnight),
            meter: Arc::new(Meter::new(Arc::new(metrics::NoopRecorder))),
        };
        let writer = Writer {
            log: AuditLog::open(Box::new(disk.clone()), options).unwrap().0,
            queue: Arc::new(queue),
            unwritten: 0,
        };
        (writer, noted)
    }

    /// The events on the disk, with the figure of a gap.
    fn events(disk: &MemoryDisk) -> Vec<String> {
        let mut events = Vec::new();
        let mut verification = Verification::new(None);
        for name in disk.list().unwrap() {
            let bytes = disk.read(&name).unwrap();
            let each = |line: &atp_storage::audit::Line<'_>| {
                let record: serde_json::Value = serde_json::from_str(line.record).unwrap();
                let lost = record["lost"]
                    .as_u64()
                    .map_or(String::new(), |lost| format!(" {lost}"));
                events.push(format!("{}{lost}", record["event"].as_str().unwrap()));
            };
            verification.file(&name, &bytes, each).unwrap();
        }
        verification.whole().unwrap();
        events
    }

    #[test]
    fn what_finds_no_room_is_a_gap_behind_what_did() {
        let disk = MemoryDisk::new();
        let (writer, noted) = writer(&disk, 3);
        for _ in 0..7 {
            writer.queue.note(Event::NodeStopped);
        }
        let queue = Arc::downgrade(&writer.queue);
        let stopping = std::thread::Builder::new()
            .spawn(move || writer.run(&noted))
            .unwrap();
        // It takes what waits, so that there is room in the end.
        queue.upgrade().unwrap().messages.send(Message::Stop).unwrap();
        stopping.join().unwrap();
        let mut wanted = vec!["audit.file"];
        wanted.extend(["node.stop"; 3]);
        wanted.push("audit.gap 4");
        assert_eq!(events(&disk), wanted);
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_a_gap_before_what_it_takes_again() {
        let disk = MemoryDisk::new();
        let (mut writer, _noted) = writer(&disk, 1);
        let entry = Entry {
            at_ms: UnixMillis(0),
            event: Event::NodeStopped,
        };
        let entries = vec![entry; 2];
        writer.write(&entries);
        disk.set_capacity(Some(500));
        writer.write(&entries);
        writer.write(&entries);
        disk.set_capacity(None);
        writer.write(&entries[..1]);
        let wanted = ["audit.file", "node.stop", "node.stop", "audit.gap 4", "node.stop"];
        assert_eq!(events(&disk), wanted);
    }
}
