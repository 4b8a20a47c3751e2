//! Two kinds of trouble: with a directory of one's own, and with the other side of a connection.

use std::io;
use std::path::PathBuf;

use atp_protocol::cluster::{ClusterId, NodeId};

/// A directory of certificates cannot be used; the operator mends it.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Unreadable, or not to be written.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others may read a key.
    #[error("{path} may be read or written by others; run `chmod 600 {path}`, and renew it if somebody did")]
    Loose {
        /// The key's file.
        path: PathBuf,
    },
    /// Not what such a file holds.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// It belongs to something else, and is left as it is.
    #[error("{path} belongs to {found}, not to {wanted}; name another directory")]
    Taken {
        /// The directory.
        path: PathBuf,
        /// To whom it belongs.
        found: String,
        /// To whom it should.
        wanted: String,
    },
    /// A node by itself wrote it, and the member cannot go on with that.
    #[error(
        "{path} is of a node that was by itself, which {member} cannot go on with: only node 1 can, as the first of a cluster made with \
         `--journals {journals}`; give it that certificate, or this node an empty directory"
    )]
    Alone {
        /// The directory.
        path: PathBuf,
        /// Who should have it.
        member: String,
        /// The journal groups in it.
        journals: u16,
    },
    /// The certificate in it is not the node's, or is over.
    #[error("{path} cannot be used; issue it again with `atpctl cluster join`")]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: IdentityError,
    },
}

/// The other side is not the member it should be; the connection is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It has shown no certificate.
    #[error("there is no certificate")]
    Missing,
    /// It is no certificate, or not one certificate alone: the authority issues to nodes directly.
    #[error("the certificate is malformed")]
    Malformed,
    /// Issued by somebody else, or not for this use.
    #[error("the certificate was not issued by this cluster's authority")]
    Stranger,
    /// Over.
    #[error("the certificate has expired; renew it with `atpctl cluster join`")]
    Expired,
    /// Not begun, so that one of the two clocks is wrong.
    #[error("the certificate is not valid yet; compare the clocks of the two nodes")]
    NotYetValid,
    /// It names no node.
    #[error("the certificate does not name a node of a cluster")]
    Nameless,
    /// A node of another cluster.
    #[error("the certificate is of another cluster, {0}")]
    OtherCluster(ClusterId),
    /// This very node: an address leads back here, or two processes have one identity.
    #[error("the certificate is this node's own, {0}")]
    Myself(NodeId),
    /// Another member than was dialled.
    #[error("node {wanted} was dialled and node {found} answers")]
    OtherNode {
        /// Who was meant.
        wanted: NodeId,
        /// Who it is.
        found: NodeId,
    },
}
