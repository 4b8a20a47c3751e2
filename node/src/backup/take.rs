//! Takes a backup at a running node, and makes its bytes as they are read.

use std::time::Duration;

use atp_consensus::group::Image;
use atp_protocol::cluster::GroupId;
use atp_protocol::error::{Code, Fault, Row};
use atp_protocol::units::UnixMillis;
use atp_storage::backup::Encoder;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::sync::OwnedMutexGuard;

use super::Manifest;
use super::manifest::Part;
use crate::cluster::{self, Cluster};
use crate::home;

/// How long one group may take to write its image.
const IMAGE_MAX: Duration = Duration::from_secs(60);

/// Bytes of an image that are read at once.
const PIECE: usize = 256 * 1024;

/// Somebody else is at it.
const BUSY: Row = Row {
    status: 409,
    error: "backup_running",
    slug: "backup-running",
    message: "a backup is being taken at this node",
    hint: "wait until it has ended, or take yours at another node",
    ..*Code::Internal.row()
};

/// The images of all groups, on this node's disk.
pub(crate) struct Taken {
    manifest: Vec<u8>,
    images: Vec<(GroupId, Image)>,
    /// The next backup waits for the end of this one.
    _turn: OwnedMutexGuard<()>,
}

/// Takes images of all groups, each of all that was done before this call. Members report what they used of accounts and give back the rest first, so
/// that little is charged as unknown where the backup is restored.
///
/// # Errors
/// 409 while another backup is being taken here; those of the groups.
pub(crate) async fn take(cluster: &Cluster, now: UnixMillis) -> Result<Taken, Fault> {
    let turn = cluster.backup.clone().try_lock_owned();
    let turn = turn.map_err(|_| Fault::new(Code::Internal, "one at a time").told(&BUSY))?;
    home::call_in(cluster).await;
    // First of all: an account that is made meanwhile is found again by its ledger, not the other way round.
    let meta = cluster.meta.image(IMAGE_MAX).await;
    let meta = meta.map_err(|error| cluster::fault(&error))?;
    let mut images = Vec::with_capacity(cluster.journals.len() + 1);
    for journal in cluster.journals.iter() {
        let image = journal.image(IMAGE_MAX).await;
        images.push((journal.id(), image.map_err(|error| cluster::fault(&error))?));
    }
    images.push((GroupId::META, meta));
    let part = |(group, image): &(GroupId, Image)| Part {
        group: group.0,
        index: image.index(),
        bytes: image.len(),
    };
    let manifest = Manifest {
        cluster: cluster.place.cluster.clone(),
        release: cluster::RELEASE.to_owned(),
        cluster_version: cluster.meta.read(|meta| meta.cluster().version()),
        journals: cluster.place.journals,
        taken_at_ms: now.0,
        groups: images.iter().map(part).collect(),
    };
    Ok(Taken {
        manifest: serde_json::to_vec(&manifest).expect("texts and numbers"),
        images,
        _turn: turn,
    })
}

impl Taken {
    /// Bytes of the file.
    pub(crate) fn len(&self) -> u64 {
        let images: Vec<u64> = self.images.iter().map(|(_, image)| image.len()).collect();
        Encoder::len_of(self.manifest.len(), &images)
    }

    /// The file, a piece at a time.
    pub(crate) fn into_bytes(self) -> impl Stream<Item = Result<Bytes, Fault>> {
        let sending = Sending {
            encoder: Encoder::default(),
            next: Next::Header,
            taken: self,
        };
        stream::try_unfold(Some(sending), |sending| async move {
            match sending {
                Some(sending) => sending.step().await.map(Some),
                None => Ok(None),
            }
        })
    }
}

/// What is to be sent next.
#[derive(Clone, Copy)]
enum Next {
    Header,
    Group(usize),
    Image(usize, u64),
}

struct Sending {
    encoder: Encoder,
    next: Next,
    taken: Taken,
}

impl Sending {
    async fn step(mut self) -> Result<(Bytes, Option<Self>), Fault> {
        let broken = |why: String| Fault::new(Code::Internal, why);
        let bytes = match self.next {
            Next::Header => {
                self.next = Next::Group(0);
                let groups = u16::try_from(self.taken.images.len()).expect("a cluster has few groups");
                let header = self.encoder.header(groups, &self.taken.manifest);
                header.map_err(|error| broken(error.to_string()))?
            }
            Next::Group(at) => match self.taken.images.get(at) {
                None => return Ok((self.encoder.end().into(), None)),
                Some((group, image)) => {
                    self.next = Next::Image(at, 0);
                    self.encoder.group(group.0, image.len())
                }
            },
            Next::Image(at, offset) => {
                let (_, image) = &self.taken.images[at];
                let read = image.bytes(offset, PIECE).await;
                let bytes = read.map_err(|error| broken(error.to_string()))?;
                let end = offset + bytes.len() as u64;
                self.next = match end >= image.len() {
                    true => Next::Group(at + 1),
                    false => Next::Image(at, end),
                };
                self.encoder.content(&bytes);
                bytes
            }
        };
        Ok((bytes.into(), Some(self)))
    }
}
