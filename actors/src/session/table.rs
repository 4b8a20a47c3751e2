//! Which sessions there are and whose they are (atp.md section 1 and 13.4).
//!
//! Bounds: a session has at most [`STREAMS_MAX`] streams, a tenant at most [`TENANT_MAX`] sessions and a node at most
//! [`SESSIONS_MAX`]. At the first bound the stream is refused with `EWINDOW`; at the others the session idle longest, of the tenant
//! or of all, is forgotten, and where none is idle the new one is refused likewise. An idle session is forgotten after [`IDLE_MS`], and its window after [`WINDOW_IDLE_MS`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{RequestId, SessionId, StreamId, TenantId};
use atp_protocol::request::AgentRequest;
use atp_protocol::units::{Millis, Tier};
use atp_routing::audit::{Closed, Event, Subject};

use super::tuner::Pace;
use super::window::SessionFlow;
use crate::audit::Audit;
use crate::environment::{Clock, World};

/// Open streams of a session (atp.md section 1).
const STREAMS_MAX: usize = 256;

/// Sessions of a node, idle ones included.
const SESSIONS_MAX: usize = 65_536;

/// Sessions of one tenant, idle ones included: a quarter, so that it takes several to shut the others out.
const TENANT_MAX: usize = SESSIONS_MAX / 4;

/// How long a session without streams keeps its tenant (`session.ttl_ms`).
const IDLE_MS: u64 = 3_600_000;

/// How long a session without streams keeps its adaptive window (atp.md 16.3, `idle_ttl_ms`).
const WINDOW_IDLE_MS: u64 = 300_000;

/// The sessions of a node. A session belongs to the tenant that used it first.
pub struct Sessions {
    table: Mutex<Table>,
    pace: Arc<Pace>,
}

struct Table {
    audit: Arc<dyn Audit>,
    sessions: BTreeMap<SessionId, Entry>,
    /// Sessions without streams, idle longest first.
    idle: BTreeSet<(Millis, SessionId)>,
    tenants: BTreeMap<TenantId, Share>,
    /// Idle ones that still have a window.
    warm: BTreeSet<(Millis, SessionId)>,
}

/// What a tenant has of them.
#[derive(Default)]
struct Share {
    sessions: usize,
    /// As [`Table::idle`].
    idle: BTreeSet<(Millis, SessionId)>,
}

struct Entry {
    tenant: TenantId,
    since: Millis,
    /// When its last stream ended; meaningless while it has any.
    idle_since: Millis,
    /// Most sessions have one, whom a map would give the room of eleven.
    streams: Vec<StreamView>,
    /// Others may come back to it; not so to one named after its only request.
    is_shared: bool,
    /// Its window, wherever its streams run; none for a session named after its only request.
    flow: Option<Arc<SessionFlow>>,
}

/// A session as the operator sees it.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// Its name.
    pub session: SessionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// When it was first used.
    pub since: Millis,
    /// Its open streams.
    pub streams: Vec<StreamView>,
}

/// An open stream as the operator sees it.
#[derive(Debug, Clone)]
pub struct StreamView {
    /// The request on it.
    pub request: RequestId,
    /// Its session.
    pub session: SessionId,
    /// Its name.
    pub stream: StreamId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its tier.
    pub tier: Tier,
    /// When it was opened.
    pub since: Millis,
}

/// A stream's place in its session, given back when dropped.
pub(super) struct Presence {
    sessions: Arc<Sessions>,
    session: SessionId,
    request: RequestId,
    clock: Arc<dyn Clock>,
    /// The session's window, if it is one that others may share.
    pub(super) flow: Option<Arc<SessionFlow>>,
}

impl Sessions {
    /// No sessions; windows of those to come move by `pace`, and they are put on record in `audit`.
    #[must_use]
    pub(super) fn new(pace: Pace, audit: Arc<dyn Audit>) -> Self {
        Self {
            table: Mutex::new(Table {
                audit,
                sessions: BTreeMap::new(),
                idle: BTreeSet::new(),
                tenants: BTreeMap::new(),
                warm: BTreeSet::new(),
            }),
            pace: Arc::new(pace),
        }
    }

    /// Puts the end of every session on record: the node stops.
    pub fn close(&self) {
        let table = self.table();
        for (session, entry) in &table.sessions {
            table.closed(session, entry, Closed::Stopping);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that `session` is `tenant`'s, and binds it if nobody used it yet.
    ///
    /// # Errors
    /// `ESEC` for another tenant's session, `EWINDOW` when there are too many.
    pub fn bind(&self, now: Millis, session: &SessionId, tenant: &TenantId) -> Result<(), Fault> {
        let mut table = self.table();
        table.entry(now, session, tenant)?;
        table.share_with_others(session);
        Ok(())
    }

    /// Counts a stream in.
    ///
    /// # Errors
    /// As [`Self::bind`], and `EWINDOW` when the session has too many streams.
    pub(super) fn enter(self: &Arc<Self>, world: &World, request: &AgentRequest) -> Result<Presence, Fault> {
        let now = world.now();
        let tenant = &request.identity.tenant;
        let mut table = self.table();
        let entry = table.entry(now, &request.session, tenant)?;
        if entry.streams.len() >= STREAMS_MAX {
            let detail = format!("the session has {STREAMS_MAX} open streams, as many as it may");
            return Err(Fault::new(Code::Window, detail));
        }
        let idle_since = entry.idle_since;
        let view = StreamView {
            request: request.id.clone(),
            session: request.session.clone(),
            stream: request.stream.clone(),
            tenant: tenant.clone(),
            tier: request.tier,
            since: now,
        };
        entry.streams.reserve_exact(1);
        entry.streams.push(view);
        let is_shared = request.session.as_str() != request.id.as_str();
        let flow = is_shared.then(|| {
            let new = || {
                let subject = Subject::session(tenant, Some(&request.session));
                SessionFlow::new(&self.pace, world, subject)
            };
            Arc::clone(entry.flow.get_or_insert_with(new))
        });
        let place = (idle_since, request.session.clone());
        table.wake(tenant, &place);
        if is_shared {
            table.share_with_others(&request.session);
            table.warm.remove(&place);
            world.meter.flow.windows.pruned.increment(table.prune(now));
        }
        Ok(Presence {
            flow,
            sessions: Arc::clone(self),
            session: request.session.clone(),
            request: request.id.clone(),
            clock: Arc::clone(&world.clock),
        })
    }

    /// The first `limit` sessions by name that have streams, and how many sessions there are in all.
    #[must_use]
    pub fn list(&self, limit: usize) -> (Vec<SessionView>, usize) {
        let table = self.table();
        let live = table
            .sessions
            .iter()
            .filter(|(_, entry)| !entry.streams.is_empty());
        let views = live.take(limit).map(|(session, entry)| SessionView {
            session: session.clone(),
            tenant: entry.tenant.clone(),
            since: entry.since,
            streams: entry.streams.clone(),
        });
        (views.collect(), table.sessions.len())
    }

    /// Open streams of that name, of any session.
    #[must_use]
    pub fn streams(&self, id: &str) -> Vec<StreamView> {
        let table = self.table();
        let all = table.sessions.values().flat_map(|entry| &entry.streams);
        all.filter(|view| view.stream.as_str() == id).cloned().collect()
    }
}

impl Table {
    fn entry(&mut self, now: Millis, session: &SessionId, tenant: &TenantId) -> Result<&mut Entry, Fault> {
        self.forget_expired(now);
        if !self.sessions.contains_key(session) {
            self.make_room(tenant)?;
            self.rest(tenant, (now, session.clone()));
            self.share(tenant).sessions += 1;
        }
        let entry = self.sessions.entry(session.clone()).or_insert_with(|| Entry {
            tenant: tenant.clone(),
            since: now,
            idle_since: now,
            streams: Vec::new(),
            is_shared: false,
            flow: None,
        });
        match entry.tenant == *tenant {
            true => Ok(entry),
            false => Err(Fault::new(Code::Sec, "the session belongs to another tenant")),
        }
    }

    /// Puts the session on record, unless it is.
    fn share_with_others(&mut self, session: &SessionId) {
        if let Some(entry) = self.sessions.get_mut(session)
            && !std::mem::replace(&mut entry.is_shared, true)
        {
            let subject = Subject::session(&entry.tenant, Some(session));
            self.audit.note(Event::SessionOpened(subject));
        }
    }

    fn closed(&self, session: &SessionId, entry: &Entry, reason: Closed) {
        if entry.is_shared {
            let subject = Subject::session(&entry.tenant, Some(session));
            self.audit.note(Event::SessionClosed { subject, reason });
        }
    }

    fn forget_expired(&mut self, now: Millis) {
        while let Some((since, session)) = self.idle.first()
            && now.since(*since) > IDLE_MS
        {
            self.forget(&session.clone());
        }
    }

    fn share(&mut self, tenant: &TenantId) -> &mut Share {
        self.tenants.entry(tenant.clone()).or_default()
    }

    /// The session has no streams from now on.
    fn rest(&mut self, tenant: &TenantId, place: (Millis, SessionId)) {
        self.share(tenant).idle.insert(place.clone());
        self.idle.insert(place);
    }

    /// The session has streams again.
    fn wake(&mut self, tenant: &TenantId, place: &(Millis, SessionId)) {
        self.share(tenant).idle.remove(place);
        self.idle.remove(place);
    }

    /// Forgets windows of sessions that have been idle; returns how many.
    fn prune(&mut self, now: Millis) -> u64 {
        let mut pruned = 0;
        while let Some((since, _)) = self.warm.first()
            && now.since(*since) >= WINDOW_IDLE_MS
            && let Some((_, session)) = self.warm.pop_first()
        {
            if let Some(entry) = self.sessions.get_mut(&session) {
                entry.flow = None;
                pruned += 1;
            }
        }
        pruned
    }

    /// A tenant at its share makes room among its own, and whoever comes when the table is full among all.
    fn make_room(&mut self, tenant: &TenantId) -> Result<(), Fault> {
        let share = self.tenants.get(tenant);
        let idle = match share.filter(|share| share.sessions >= TENANT_MAX) {
            Some(share) => &share.idle,
            None if self.sessions.len() >= SESSIONS_MAX => &self.idle,
            None => return Ok(()),
        };
        let Some((_, session)) = idle.first().cloned() else {
            let detail = format!(
                "there are as many sessions as there may be, {SESSIONS_MAX} on this node and {TENANT_MAX} of one tenant; \
                 end one"
            );
            return Err(Fault::new(Code::Window, detail));
        };
        self.forget(&session);
        Ok(())
    }

    fn forget(&mut self, session: &SessionId) {
        let Some(entry) = self.sessions.remove(session) else {
            return;
        };
        self.closed(session, &entry, Closed::Idle);
        let place = (entry.idle_since, session.clone());
        self.wake(&entry.tenant, &place);
        self.warm.remove(&place);
        let share = self.share(&entry.tenant);
        share.sessions -= 1;
        if share.sessions == 0 {
            self.tenants.remove(&entry.tenant);
        }
    }

    fn leave(&mut self, now: Millis, session: &SessionId, request: &RequestId) {
        let Some(entry) = self.sessions.get_mut(session) else {
            return;
        };
        entry.streams.retain(|view| view.request != *request);
        if !entry.streams.is_empty() {
            return;
        }
        // A session named after its only request is nobody's to come back to.
        if session.as_str() == request.as_str() {
            self.forget(session);
            return;
        }
        entry.idle_since = now;
        let place = (now, session.clone());
        if entry.flow.is_some() {
            self.warm.insert(place.clone());
        }
        let tenant = entry.tenant.clone();
        self.rest(&tenant, place);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let now = self.clock.now();
        self.sessions.table().leave(now, &self.session, &self.request);
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::flow::AimdConfig;

    use super::*;

    #[derive(Default)]
    struct Notes(Mutex<Vec<Event>>);

    impl Audit for Notes {
        fn note(&self, event: Event) {
            self.0.lock().unwrap().push(event);
        }
    }

    fn sessions() -> Sessions {
        Sessions::new(Pace::new(AimdConfig::default(), false), crate::audit::unaudited())
    }

    fn session(name: &str) -> SessionId {
        SessionId::new(name).unwrap()
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    #[test]
    fn a_session_belongs_to_the_tenant_that_used_it_first() {
        let sessions = sessions();
        let bind = |now, of| {
            sessions
                .bind(Millis(now), &session("s"), &tenant(of))
                .map_err(|fault| fault.code)
        };
        assert_eq!(bind(0, "acme"), Ok(()));
        assert_eq!(bind(1, "evil"), Err(Code::Sec));
        assert_eq!(bind(IDLE_MS, "evil"), Err(Code::Sec));
        assert_eq!(bind(IDLE_MS + 1, "evil"), Ok(()));
    }

    fn bind_many(sessions: &Sessions, of: &str, count: usize) {
        for n in 0..count {
            let name = session(&format!("{of}{n}"));
            sessions.bind(Millis(n as u64), &name, &tenant(of)).unwrap();
        }
    }

    #[test]
    fn of_a_full_node_the_session_idle_longest_gives_way() {
        let sessions = sessions();
        for of in ["a", "b", "c", "d"] {
            bind_many(&sessions, of, TENANT_MAX);
        }
        assert_eq!(sessions.list(0).1, SESSIONS_MAX);
        let now = Millis(TENANT_MAX as u64);
        sessions.bind(now, &session("new"), &tenant("new")).unwrap();
        assert_eq!(sessions.list(0).1, SESSIONS_MAX);
        assert!(sessions.bind(now, &session("a0"), &tenant("e")).is_ok());
        assert!(sessions.bind(now, &session("c9"), &tenant("e")).is_err());
    }

    #[test]
    fn a_tenant_at_its_share_makes_room_among_its_own() {
        let sessions = sessions();
        sessions.bind(Millis(0), &session("s"), &tenant("calm")).unwrap();
        bind_many(&sessions, "busy", TENANT_MAX * 2);
        assert_eq!(sessions.list(0).1, TENANT_MAX + 1);
        let now = Millis(TENANT_MAX as u64 * 2);
        assert!(sessions.bind(now, &session("s"), &tenant("busy")).is_err());
        assert!(sessions.bind(now, &session("busy0"), &tenant("calm")).is_ok());
    }

    #[test]
    fn a_session_is_on_record_from_its_first_use_until_it_is_forgotten() {
        let notes = Arc::new(Notes::default());
        let sessions = Sessions::new(Pace::new(AimdConfig::default(), false), Arc::clone(&notes) as _);
        for (now, name) in [(0, "s"), (IDLE_MS, "s"), (IDLE_MS + 1, "t"), (IDLE_MS + 1, "t")] {
            sessions
                .bind(Millis(now), &session(name), &tenant("acme"))
                .unwrap();
        }
        sessions.close();
        let subject = |name| Subject::session(&tenant("acme"), Some(&session(name)));
        let closed = |name, reason| Event::SessionClosed {
            subject: subject(name),
            reason,
        };
        let wanted = [
            Event::SessionOpened(subject("s")),
            closed("s", Closed::Idle),
            Event::SessionOpened(subject("t")),
            closed("t", Closed::Stopping),
        ];
        assert_eq!(*notes.0.lock().unwrap(), wanted);
    }
}
