//! The seam to the records of streams and of requests under idempotency keys, which the journal groups keep (docs/adr/0013, 0015).

use std::sync::Arc;
use std::time::Duration;

use atp_consensus::command::{self, Body};
use atp_consensus::journal::streams::{self, Stream, Written};
use atp_protocol::cluster::NodeId;
use atp_protocol::encoding;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{StreamId, TenantId};
use atp_protocol::resume::{Binding, Entry, IdempotencyKey};
use futures_util::future::BoxFuture;
use tokio::time::sleep;

/// What belongs to a journal group.
pub(crate) trait Belongs {
    /// Its tenant, and the id that is hashed with that.
    fn belongs(&self) -> (&TenantId, &str);
}

impl Belongs for Binding {
    fn belongs(&self) -> (&TenantId, &str) {
        (&self.tenant, self.session.as_str())
    }
}

impl Belongs for IdempotencyKey {
    fn belongs(&self) -> (&TenantId, &str) {
        (&self.tenant, &self.key)
    }
}

/// Records of streams and requests. Reads see what this node has applied.
pub trait Records: Send + Sync {
    /// This node.
    fn node(&self) -> NodeId;

    /// Which life of it: no two are the same.
    fn life(&self) -> u64;

    /// Has the group of an id of a tenant apply an encoded command; resolves to the encoded reply once this node has applied it
    /// too.
    ///
    /// # Errors
    /// Of the group: no quorum, or an outcome that is not known. Every command may be repeated.
    fn apply(
        &self,
        tenant: &TenantId,
        id: &str,
        command: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, Fault>>;

    /// What is remembered of an idempotency key.
    fn under_key(&self, key: &IdempotencyKey) -> Option<Entry<Arc<[u8]>>>;

    /// Resolves when this node has applied more in the group of an id of a tenant than at the call, or after a while.
    fn changed(&self, tenant: &TenantId, id: &str) -> BoxFuture<'static, ()>;

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

/// Has a command about `about` applied.
///
/// # Errors
/// As [`Records::apply`]; `ETOOBIG` for a command over its bound.
pub(crate) async fn write<B: Body>(
    records: &dyn Records,
    about: &impl Belongs,
    body: &B,
) -> Result<B::Reply, Fault> {
    let command = command::encode(body).map_err(|error| Fault::new(Code::TooBig, error.to_string()))?;
    let (tenant, id) = about.belongs();
    let reply = records.apply(tenant, id, command).await?;
    encoding::decode(&reply).map_err(|error| {
        let why = format!("the group's reply cannot be read: {error}; are all nodes of one release?");
        Fault::new(Code::Internal, why).terminal()
    })
}

/// How often a write is tried whose outcome is needed. Each try waits for a quorum by itself.
const TRIES: usize = 12;

/// Between two tries.
const AGAIN: Duration = Duration::from_millis(250);

/// Has a command applied, again and again while there is no quorum.
///
/// # Errors
/// As [`write`]: at once where a repeat cannot help, else of the last of [`TRIES`].
pub(crate) async fn insist<B: Body>(
    records: &dyn Records,
    about: &impl Belongs,
    body: &B,
) -> Result<B::Reply, Fault> {
    for _ in 1..TRIES {
        match write(records, about, body).await {
            Err(fault) if fault.retry().is_retryable() => sleep(AGAIN).await,
            known => return known,
        }
    }
    write(records, about, body).await
}

/// Why an owner goes on no more: the stream is another's, or nobody's, or there has been no quorum for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fenced;

impl From<Fault> for Fenced {
    /// Of a write that was insisted on.
    fn from(_: Fault) -> Self {
        Self
    }
}

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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use atp_consensus::journal::streams::CloseStream;
    use atp_protocol::ids::SessionId;
    use futures_util::FutureExt;

    use super::*;

    /// Refuses every write, and counts them.
    struct Refusing(Fault, AtomicUsize);

    impl Records for Refusing {
        fn node(&self) -> NodeId {
            NodeId::new(1).unwrap()
        }

        fn life(&self) -> u64 {
            1
        }

        fn apply(&self, _: &TenantId, _: &str, _: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, Fault>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Err(self.0.clone())).boxed()
        }

        fn under_key(&self, _: &IdempotencyKey) -> Option<Entry<Arc<[u8]>>> {
            None
        }

        fn changed(&self, _: &TenantId, _: &str) -> BoxFuture<'static, ()> {
            std::future::pending().boxed()
        }

        fn look(&self, _: &Binding) -> Option<Stream> {
            None
        }

        fn named(&self, _: &TenantId, _: &StreamId, _: Option<&str>) -> Vec<Binding> {
            Vec::new()
        }

        fn catch_up(&self, _: &TenantId, _: &str) -> BoxFuture<'static, Result<(), Fault>> {
            std::future::ready(Ok(())).boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_insisted_on_only_where_a_repeat_can_help() {
        let stream = Binding {
            tenant: TenantId::new("t").unwrap(),
            session: SessionId::new("s").unwrap(),
            stream: StreamId::new("x").unwrap(),
        };
        let later = Fault::new(Code::Internal, "no quorum").retry_after(500);
        for (fault, tries) in [(later, TRIES), (Fault::new(Code::TooBig, "too long"), 1)] {
            let records = Refusing(fault.clone(), AtomicUsize::new(0));
            let close = CloseStream {
                stream: stream.clone(),
                epoch: 1,
            };
            assert_eq!(insist(&records, &stream, &close).await, Err(fault));
            assert_eq!(records.1.into_inner(), tries);
        }
    }
}
