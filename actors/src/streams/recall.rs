//! Finding a stream that this node does not run: one that ended is served from its record, one that runs is waited for until it is
//! taken over.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_consensus::journal::streams::{State, Stream};
use atp_protocol::connection::StreamKey;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{StreamId, TenantId};
use atp_protocol::request::Identity;
use atp_protocol::resume::Binding;
use atp_protocol::units::Window;
use tokio::time::timeout;

use super::durable::events;
use super::messages::LastWords;
use super::stream::Opening;
use super::{Around, Head, Listed, TAKEN_OVER_MS};
use crate::session::Router;

/// The tenant's stream of that name, of the session where one is named, as [`Streams::find`](super::Streams::find) or from its
/// record.
///
/// # Errors
/// As of that; `EINTERNAL`, to be tried again, where nobody took the stream over within [`TAKEN_OVER_MS`].
pub async fn recall(
    router: &Rc<Router>,
    tenant: &TenantId,
    stream: &StreamId,
    session: Option<&str>,
) -> Result<Arc<Listed>, Fault> {
    let streams = &router.shared.streams;
    let mut changes = streams.changes();
    let mut is_caught_up = false;
    let found = async {
        loop {
            changes.mark_unchanged();
            let none = match streams.find(tenant, stream, session) {
                Err(fault) if fault.code == Code::NotFound => fault,
                found => return found,
            };
            match recorded(router, tenant, stream, session)? {
                Some((id, record)) if record.outcome.is_some() => return served(router, id, &record),
                Some((_, record)) if record.state == State::Open => {
                    // The sender lives in `streams`.
                    let _ = changes.changed().await;
                }
                Some(_) => return Err(none),
                None if is_caught_up => return Err(none),
                // It may have been opened by another, and this node may not know it yet.
                None => {
                    let id = session.unwrap_or(stream.as_str());
                    router.shared.records.catch_up(tenant, id).await?;
                    is_caught_up = true;
                }
            }
        }
    };
    let waited = timeout(Duration::from_millis(TAKEN_OVER_MS), found).await;
    waited.unwrap_or_else(|_| {
        let detail = "the stream's owner was lost, and no other has taken it over yet; try again";
        Err(Fault::new(Code::Internal, detail).retry_after(500))
    })
}

fn recorded(
    router: &Router,
    tenant: &TenantId,
    stream: &StreamId,
    session: Option<&str>,
) -> Result<Option<(Binding, Stream)>, Fault> {
    let records = &router.shared.records;
    let mut named = records.named(tenant, stream, session);
    if named.len() > 1 {
        let detail = "several sessions have a stream of this name; name one in x-session-id";
        return Err(Fault::new(Code::BadInput, detail));
    }
    Ok(named.pop().and_then(|id| {
        let record = records.look(&id)?;
        Some((id, record))
    }))
}

/// Lists a stream that has ended, with its last words.
fn served(router: &Rc<Router>, id: Binding, record: &Stream) -> Result<Arc<Listed>, Fault> {
    let opening = Opening {
        identity: Arc::new(Identity::new(id.tenant, None)),
        key: StreamKey {
            session: id.session,
            stream: id.stream,
        },
        head: Head {
            tier: record.qos,
            window: Window::MAX,
            budget: Some(record.budget_left),
        },
        around: Around::default(),
        request_ms: 0,
        idempotency_key: record.idempotency_key.as_deref().map(str::to_owned),
        holder: None,
        epoch: Some(record.epoch),
    };
    let listed = router.shared.streams.start(router, opening)?;
    let words = record.outcome.as_deref().unwrap_or_default();
    listed.actor.do_send(LastWords(events(words)));
    Ok(listed)
}
