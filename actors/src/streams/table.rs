//! The streams of a node, from any arbiter.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Included, Unbounded};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::{Actor, Addr};
use atp_protocol::connection::StreamKey;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{SessionId, StreamId, TenantId};
use atp_protocol::units::Millis;
use tokio::sync::watch;

use super::messages::GiveWay;
use super::stream::{KeptStream, Opening};
use super::{Event, Forget, READERS_MAX, StreamSettings};
use crate::history::{History, Pool, Reader, Unread};
use crate::session::Router;

/// Share of a node's streams that one tenant may have: a quarter, so that it takes several to shut the others out.
const TENANT_SHARE: usize = 4;

/// Streams by name. The tenant comes first: nobody finds, or can tell from none, what is another tenant's.
pub struct Streams {
    pub(super) settings: StreamSettings,
    pool: Arc<Pool>,
    inner: Mutex<Inner>,
    /// Changes when a stream may be found that was not before.
    changes: watch::Sender<()>,
}

type Name = (TenantId, StreamId, SessionId);

#[derive(Default)]
struct Inner {
    listed: BTreeMap<Name, Arc<Listed>>,
    /// Those that have ended, the first to have ended first.
    ended: BTreeSet<(Millis, Name)>,
}

/// A stream as requests find it.
pub struct Listed {
    /// Its name and its session's.
    pub key: StreamKey,
    /// Its actor.
    pub actor: Addr<KeptStream>,
    /// The idempotency key of the frame that opened it, if one did.
    idempotency_key: Option<String>,
    history: Arc<History<Event>>,
}

fn name(tenant: &TenantId, key: &StreamKey) -> Name {
    (tenant.clone(), key.stream.clone(), key.session.clone())
}

fn lowest_session() -> SessionId {
    SessionId::new("!").expect("the first visible character is a valid id")
}

fn lowest_stream() -> StreamId {
    StreamId::new("!").expect("the first visible character is a valid id")
}

impl Streams {
    pub(crate) fn new(settings: StreamSettings, pool: &Arc<Pool>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            pool: Arc::clone(pool),
            inner: Mutex::default(),
            changes: watch::Sender::new(()),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much is kept, and how long.
    #[must_use]
    pub const fn settings(&self) -> &StreamSettings {
        &self.settings
    }

    /// Starts a stream on the calling arbiter.
    ///
    /// # Errors
    /// `ESEC` for another tenant's session, `EPROTO` for a name in use, `EWINDOW` when there are as many streams as there may
    /// be.
    pub fn start(&self, router: &Rc<Router>, opening: Opening) -> Result<Arc<Listed>, Fault> {
        let sessions = &router.shared.sessions;
        let tenant = &opening.identity.tenant;
        sessions.bind(router.world.now(), &opening.key.session, tenant)?;
        let name = name(tenant, &opening.key);
        let mut inner = self.inner();
        inner.free(&name, opening.idempotency_key.as_deref())?;
        inner.make_room(tenant, self.settings.streams_max)?;
        let share = self.pool.share(tenant);
        let history = History::new(self.settings.buffer_bytes, Unread::Keep, share);
        let listed = Arc::new(Listed {
            key: opening.key.clone(),
            idempotency_key: opening.idempotency_key.clone(),
            history: Arc::clone(&history),
            actor: KeptStream::new(Rc::clone(router), opening, history).start(),
        });
        inner.listed.insert(name, Arc::clone(&listed));
        drop(inner);
        self.stir();
        Ok(listed)
    }

    /// Has those who wait for a stream look for it again.
    pub fn stir(&self) {
        self.changes.send_replace(());
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The tenant's stream of that name, of the session where one is named.
    ///
    /// # Errors
    /// `ENOTFOUND`; `EBAD_INPUT` where no session is named and several have such a stream.
    pub fn find(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        session: Option<&str>,
    ) -> Result<Arc<Listed>, Fault> {
        let inner = self.inner();
        let from = (tenant.clone(), stream.clone(), lowest_session());
        let mut found = inner
            .listed
            .range((Included(from), Unbounded))
            .take_while(|((of, id, _), _)| of == tenant && id == stream)
            .map(|(_, listed)| listed)
            .filter(|listed| session.is_none_or(|session| listed.key.session.as_str() == session));
        match (found.next(), found.next()) {
            (Some(listed), None) => Ok(Arc::clone(listed)),
            (Some(_), Some(_)) => {
                let detail = "several sessions have a stream of this name; name one in x-session-id";
                Err(Fault::new(Code::BadInput, detail))
            }
            (None, _) => {
                let detail = format!("no stream {stream}; it has ended and was forgotten, or never was here");
                Err(Fault::no_such(detail))
            }
        }
    }

    /// The stream with this history has ended, and may give way to others.
    pub(super) fn ended(
        &self,
        at: Millis,
        tenant: &TenantId,
        key: &StreamKey,
        history: &Arc<History<Event>>,
    ) {
        let name = name(tenant, key);
        let mut inner = self.inner();
        if inner.is_listed(&name, history) {
            inner.ended.insert((at, name));
        }
    }

    /// The stream with this history is gone.
    pub(super) fn remove(&self, tenant: &TenantId, key: &StreamKey, history: &Arc<History<Event>>) {
        let name = name(tenant, key);
        let mut inner = self.inner();
        if inner.is_listed(&name, history) {
            inner.remove(&name);
        }
    }
}

impl Inner {
    /// Whether the stream with this history still has its name: another may have taken it since.
    fn is_listed(&self, name: &Name, history: &Arc<History<Event>>) -> bool {
        let listed = self.listed.get(name);
        listed.is_some_and(|listed| Arc::ptr_eq(&listed.history, history))
    }

    fn remove(&mut self, name: &Name) -> Option<Arc<Listed>> {
        self.ended.retain(|(_, ended)| ended != name);
        self.listed.remove(name)
    }

    /// Frees the name for another stream: only one that has ended and was opened under the same idempotency key gives it up.
    fn free(&mut self, name: &Name, idempotency_key: Option<&str>) -> Result<(), Fault> {
        let Some(listed) = self.listed.get(name) else {
            return Ok(());
        };
        let is_repeat = idempotency_key.is_some() && listed.idempotency_key.as_deref() == idempotency_key;
        if !(listed.history.is_closed() && is_repeat) {
            let detail = "the stream_id is in use; resume that stream or take a new id";
            return Err(Fault::new(Code::Proto, detail));
        }
        self.forget(&name.clone());
        Ok(())
    }

    /// A tenant at its share makes room among its own, and whoever comes when the table is full among all.
    fn make_room(&mut self, tenant: &TenantId, streams_max: usize) -> Result<(), Fault> {
        let share = streams_max.div_ceil(TENANT_SHARE);
        let is_at_share = self.of(tenant).count() >= share;
        if !is_at_share && self.listed.len() < streams_max {
            return Ok(());
        }
        let mut ended = self.ended.iter().map(|(_, name)| name);
        let Some(name) = ended.find(|(of, _, _)| !is_at_share || of == tenant).cloned() else {
            let detail = format!(
                "as many streams are open as may, {streams_max} on this node and {share} of one tenant; end one"
            );
            return Err(Fault::new(Code::Window, detail));
        };
        if let Some(listed) = self.remove(&name) {
            listed.actor.do_send(GiveWay);
        }
        Ok(())
    }

    /// The streams of a tenant.
    fn of<'t>(&'t self, tenant: &'t TenantId) -> impl Iterator<Item = &'t Name> {
        let from = (tenant.clone(), lowest_stream(), lowest_session());
        let names = self.listed.range((Included(from), Unbounded));
        names
            .map(|(name, _)| name)
            .take_while(move |(of, _, _)| of == tenant)
    }

    fn forget(&mut self, name: &Name) {
        if let Some(listed) = self.remove(name) {
            listed.actor.do_send(Forget);
        }
    }
}

impl Listed {
    /// Reads everything, from the oldest message that is kept.
    ///
    /// # Errors
    /// `EWINDOW` when it has as many readers as it may.
    pub fn read(&self) -> Result<Reader<Event>, Fault> {
        read_from(&self.history, 0)
    }

    /// Reads on after the event called `last_id`; from the beginning where that is no longer kept, in which case the reader
    /// first learns of the gap.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_after(&self, last_id: &str) -> Result<Reader<Event>, Fault> {
        let (first, kept) = self.history.snapshot();
        let at = kept.iter().rposition(|event| event.is_called(last_id));
        read_from(&self.history, at.map_or(0, |at| first + at as u64 + 1))
    }
}

/// A reader that begins at `position`.
pub(super) fn read_from(history: &Arc<History<Event>>, position: u64) -> Result<Reader<Event>, Fault> {
    history.reader(position, READERS_MAX).ok_or_else(|| {
        let detail = format!("the stream has {READERS_MAX} readers, as many as it may");
        Fault::new(Code::Window, detail)
    })
}
