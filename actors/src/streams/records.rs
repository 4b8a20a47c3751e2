//! The seam to the records of streams, which the journal groups keep (docs/adr/0013).

use atp_consensus::command::{self, Body};
use atp_consensus::journal::streams::{self, Stream, Written};
use atp_protocol::cluster::NodeId;
use atp_protocol::encoding;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{StreamId, TenantId};
use atp_protocol::resume::Binding;
use futures_util::future::BoxFuture;

/// Records of streams. Reads see what this node has applied.
pub trait Records: Send + Sync {
    /// This node.
    fn node(&self) -> NodeId;

    /// The term of the group that keeps a stream: what an owner that opens it writes under.
    fn term(&self, stream: &Binding) -> u64;

    /// Has the group of a stream apply an encoded command of [`streams`]; resolves to the encoded reply once this node has applied it
    /// too.
    ///
    /// # Errors
    /// Of the group: no quorum, or an outcome that is not known. Every command may be repeated.
    fn apply(&self, stream: &Binding, command: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, Fault>>;

    /// The record of a stream.
    fn look(&self, stream: &Binding) -> Option<Stream>;

    /// All streams of a tenant by that name, of the session where one is named.
    fn named(&self, tenant: &TenantId, stream: &StreamId, session: Option<&str>) -> Vec<Binding>;

    /// Waits until this node has applied all that was committed before the call in the group of an id of a tenant.
    ///
    /// # Errors
    /// As [`Self::apply`].
    fn catch_up(&self, tenant: &TenantId, id: &str) -> BoxFuture<'static, Result<(), Fault>>;
}

/// Has a command about `stream` applied.
///
/// # Errors
/// As [`Records::apply`]; `ETOOBIG` for a command over its bound.
pub(super) async fn write<B: Body>(
    records: &dyn Records,
    stream: &Binding,
    body: &B,
) -> Result<B::Reply, Fault> {
    let command = command::encode(body).map_err(|error| Fault::new(Code::TooBig, error.to_string()))?;
    let reply = records.apply(stream, command).await?;
    encoding::decode(&reply).map_err(|error| {
        let why = format!("the group's reply cannot be read: {error}; are all nodes of one release?");
        Fault::new(Code::Internal, why).terminal()
    })
}

/// Why an owner goes on no more: the stream is another's, or nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fenced;

/// Whether an owner may go on after a write.
pub(super) const fn checked(written: Written) -> Result<(), Fenced> {
    match written {
        Written::Written => Ok(()),
        // Beyond the bound on lanes a stream goes on; those that are not recorded begin anew, or not at all.
        Written::TooManyLanes => Ok(()),
        Written::Fenced { .. } | Written::Closed | Written::Unknown => Err(Fenced),
    }
}

/// Bytes of a request that a record may hold; a stream whose request is longer ends with its owner.
pub(super) const REQUEST_MAX: usize = streams::REQUEST_MAX;
