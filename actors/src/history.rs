//! What a stream has said, kept for readers that come and go.
//!
//! One writer appends; any number of readers follow, each at its own pace, and get everything from where they begin. Bounds:
//! at most `max_bytes` are kept. What the furthest reader has taken gives way first, so that one who is behind it learns of a
//! gap; what nobody has taken never gives way: the writer finds no [`room`](History::room) and is to wait, which stops
//! whoever it reads from. With [`Unread::Drop`] it also gives way while there is no reader at all. All histories of a node
//! share a [`Pool`], those of one tenant its [`Share`] of it; when either is used up, each concerned keeps [`FLOOR`] bytes and
//! treats everything above as beyond its bound.

mod pool;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use pool::{Pool, Share};

/// Bytes that every history may keep, however many there are.
pub const FLOOR: usize = 64 << 10;

/// What becomes of items that no reader took, when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// They stay, and the writer waits.
    Keep,
    /// They stay while there is a reader, else the oldest give way.
    Drop,
}

/// Items in the order they were said.
pub struct History<T> {
    kept: Mutex<Kept<T>>,
    tail: watch::Sender<Tail>,
    /// Changes when there may be room.
    taken: watch::Sender<()>,
    readers: AtomicUsize,
    max_bytes: usize,
    unread: Unread,
    share: Arc<Share>,
}

struct Kept<T> {
    items: VecDeque<(T, usize)>,
    /// Position of the oldest item kept.
    first: u64,
    bytes: usize,
    /// Position after the last item that any reader took, and the bytes beyond it.
    taken: u64,
    untaken_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tail {
    next: u64,
    is_closed: bool,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read<T> {
    /// The next item.
    Item(T),
    /// So many items are lost to it.
    Gap(u64),
}

/// Follows a history.
pub struct Reader<T> {
    history: Arc<History<T>>,
    next: u64,
    tail: watch::Receiver<Tail>,
}

impl<T: Clone> History<T> {
    /// Nothing said. Items count by the bytes their writer says they have.
    #[must_use]
    pub fn new(max_bytes: usize, unread: Unread, share: Arc<Share>) -> Arc<Self> {
        let tail = Tail {
            next: 0,
            is_closed: false,
        };
        Arc::new(Self {
            kept: Mutex::new(Kept {
                items: VecDeque::new(),
                first: 0,
                bytes: 0,
                taken: 0,
                untaken_bytes: 0,
            }),
            tail: watch::Sender::new(tail),
            taken: watch::Sender::new(()),
            readers: AtomicUsize::new(0),
            max_bytes,
            unread,
            share,
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when an item may be appended.
    pub async fn room(&self) {
        let (mut taken, mut freed) = (self.taken.subscribe(), self.share.freed());
        while !self.has_room() {
            // Their senders live in `self`.
            tokio::select! {
                biased;
                _ = taken.changed() => {}
                _ = freed.changed() => {}
            }
        }
    }

    /// Whether an item may be appended without waiting.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.drops_unread() || self.kept().untaken_bytes < self.allowed()
    }

    /// Bytes it may keep at the moment.
    fn allowed(&self) -> usize {
        match self.share.is_full() {
            true => self.max_bytes.min(FLOOR),
            false => self.max_bytes,
        }
    }

    fn drops_unread(&self) -> bool {
        self.unread == Unread::Drop && self.readers() == 0
    }

    /// Appends an item, whether there is room or not: the last words of a stream are never lost.
    pub fn push(&self, item: T, bytes: usize) {
        if self.is_closed() {
            return;
        }
        let drops_unread = self.drops_unread();
        self.share.take(bytes);
        let allowed = self.allowed();
        let mut kept = self.kept();
        kept.items.push_back((item, bytes));
        kept.bytes += bytes;
        kept.untaken_bytes += bytes;
        let before = kept.bytes;
        while kept.bytes > allowed && kept.items.len() > 1 && (drops_unread || kept.first < kept.taken) {
            kept.forget_oldest();
        }
        let forgotten = before - kept.bytes;
        let next = kept.first + kept.items.len() as u64;
        drop(kept);
        self.share.give_back(forgotten);
        self.tail.send_modify(|tail| tail.next = next);
    }

    /// Nothing more will be said.
    pub fn close(&self) {
        self.tail.send_modify(|tail| tail.is_closed = true);
    }

    /// Whether nothing more will be said.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.tail.borrow().is_closed
    }

    /// Readers at the moment.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.readers.load(Ordering::Acquire)
    }

    /// What is kept, and the position of the oldest.
    #[must_use]
    pub fn snapshot(&self) -> (u64, Vec<T>) {
        let kept = self.kept();
        (
            kept.first,
            kept.items.iter().map(|(item, _)| item.clone()).collect(),
        )
    }

    /// A reader that begins at `position`; `None` when there are `readers_max`.
    pub fn reader(self: &Arc<Self>, position: u64, readers_max: usize) -> Option<Reader<T>> {
        let enter = |readers: usize| (readers < readers_max).then_some(readers + 1);
        self.readers
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter)
            .ok()?;
        Some(Reader {
            history: Arc::clone(self),
            next: position,
            tail: self.tail.subscribe(),
        })
    }

    fn take(&self, next: &mut u64) -> Option<Read<T>> {
        let mut kept = self.kept();
        if *next < kept.first {
            let lost = kept.first - *next;
            *next = kept.first;
            return Some(Read::Gap(lost));
        }
        let at = usize::try_from(*next - kept.first).ok()?;
        let (item, bytes) = kept.items.get(at)?;
        let (item, bytes) = (item.clone(), *bytes);
        *next += 1;
        let is_first_taken = *next > kept.taken;
        if is_first_taken {
            kept.taken = *next;
            kept.untaken_bytes -= bytes;
        }
        drop(kept);
        if is_first_taken {
            self.taken.send_replace(());
        }
        Some(Read::Item(item))
    }
}

impl<T> Drop for History<T> {
    fn drop(&mut self) {
        let kept = self.kept.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.share.give_back(kept.bytes);
    }
}

impl<T> Kept<T> {
    fn forget_oldest(&mut self) {
        let Some((_, bytes)) = self.items.pop_front() else {
            return;
        };
        self.bytes -= bytes;
        if self.first >= self.taken {
            self.untaken_bytes -= bytes;
            self.taken = self.first + 1;
        }
        self.first += 1;
    }
}

impl<T: Clone> Reader<T> {
    /// What comes next; `None` after the last. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Read<T>> {
        loop {
            // Looked at before the items: what is appended after it wakes us.
            let is_closed = self.tail.borrow_and_update().is_closed;
            if let Some(read) = self.history.take(&mut self.next) {
                return Some(read);
            }
            if is_closed {
                return None;
            }
            // The sender lives in the history, which we hold.
            let _ = self.tail.changed().await;
        }
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.history.readers.fetch_sub(1, Ordering::AcqRel);
        self.history.taken.send_replace(());
    }
}

#[cfg(test)]
mod tests;
