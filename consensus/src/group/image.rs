//! The state of a group as bytes that can be carried away.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Core, ReadError};
use crate::runtime;
use crate::state::{Blocking, SnapshotHandle, block};

/// A snapshot of a group, durable on this node. Its bytes can be read as long as this exists, whatever becomes of the group.
#[derive(Clone)]
pub struct Image {
    handle: SnapshotHandle,
    blocking: Arc<dyn Blocking>,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Image").field(&self.handle).finish()
    }
}

impl Image {
    /// Index of the last entry in it.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.handle.position().index()
    }

    /// Length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> u64 {
        self.handle.len()
    }

    /// At most `max` of its bytes from `offset` on; none at its end.
    ///
    /// # Errors
    /// [`ReadError::Stopped`] when the disk fails or the node ends.
    pub async fn bytes(&self, offset: u64, max: usize) -> Result<Vec<u8>, ReadError> {
        let handle = self.handle.clone();
        let read = block(&*self.blocking, move || handle.bytes(offset, max)).await;
        read.map_err(|error| ReadError::Stopped(error.to_string()))?
            .map_err(|error| ReadError::Stopped(error.to_string()))
    }
}

impl Core {
    /// An image that has all that was done before this call.
    pub(super) async fn image(&self, within: Duration) -> Result<Image, ReadError> {
        let until = runtime::deadline(within);
        self.linearize(runtime::left(until)).await?;
        self.snapshot(runtime::left(until)).await?;
        let latest = self.raft.get_snapshot().await;
        let latest = latest.map_err(|error| ReadError::Stopped(error.to_string()))?;
        // A group that has applied anything has a snapshot once it was asked to take one.
        let handle = *latest.ok_or(ReadError::TooLate)?.snapshot;
        Ok(Image {
            handle,
            blocking: self.receiver.blocking(),
        })
    }
}
