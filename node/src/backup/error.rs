//! What can go wrong with a backup's file, by what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use atp_consensus::restore::RestoreError;
use atp_protocol::cluster::GroupId;
use atp_storage::backup::BackupError;
use atp_storage::snapshot::SnapshotError;

use crate::cluster::ClusterError;
use crate::identity::DirectoryError;

/// Why a backup is not restored. Nothing was made that could be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupFault {
    /// The backup itself.
    #[error("{path}: {source}")]
    Backup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BackupError,
    },
    /// It cannot begin this cluster, or not with this release.
    #[error("{0}")]
    Unfit(String),
    /// There is something already.
    #[error(
        "{path} is not empty; name a data directory that does not exist, as nothing is ever restored over data"
    )]
    Occupied {
        /// The directory.
        path: PathBuf,
    },
    /// The directory of the first node.
    #[error(transparent)]
    Node(#[from] DirectoryError),
    /// What a group is to begin with.
    #[error("{group} cannot be restored: {source}")]
    Group {
        /// Which.
        group: GroupId,
        /// Why.
        source: RestoreError,
    },
    /// The store of the data directory.
    #[error("{0}")]
    Store(String),
    /// The file system.
    #[error("{path}: {source}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl BackupFault {
    pub(super) fn backup(path: &Path) -> impl Fn(BackupError) -> Self {
        let path = path.to_owned();
        move |source| Self::Backup {
            path: path.clone(),
            source,
        }
    }

    pub(super) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            path: path.clone(),
            source,
        }
    }
}

impl From<ClusterError> for BackupFault {
    fn from(error: ClusterError) -> Self {
        Self::Store(format!("{:#}", anyhow::Error::from(error)))
    }
}

impl From<SnapshotError> for BackupFault {
    fn from(error: SnapshotError) -> Self {
        Self::Store(format!("{:#}", anyhow::Error::from(error)))
    }
}
