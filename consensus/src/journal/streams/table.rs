//! Streams by all that they are looked up by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::{SessionId, StreamId, TenantId};
use atp_protocol::resume::{Binding, TokenHash};
use atp_protocol::units::UnixMillis;

use super::{BYTES_MAX, FORGOTTEN_PER_TICK, STREAMS_MAX, State, Stream, Token, Written};

/// See the module above.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Streams {
    /// By tenant, session and stream; the name is kept once.
    pub(super) streams: BTreeMap<Arc<Binding>, Box<Stream>>,
    names: BTreeSet<(TenantId, StreamId, SessionId)>,
    pub(super) tokens: BTreeMap<TokenHash, Arc<Binding>>,
    /// Streams that run, and streams that ended: by when they were written last.
    running: BTreeSet<(UnixMillis, Arc<Binding>)>,
    ended: BTreeSet<(UnixMillis, Arc<Binding>)>,
    bytes: usize,
}

impl Streams {
    /// One stream.
    #[must_use]
    pub fn get(&self, stream: &Binding) -> Option<&Stream> {
        self.streams.get(stream).map(AsRef::as_ref)
    }

    /// All streams, by tenant, session and stream: whoever begins to lead looks for those of earlier epochs.
    pub fn iter(&self) -> impl Iterator<Item = (&Binding, &Stream)> {
        self.streams
            .iter()
            .map(|(id, stream)| (id.as_ref(), stream.as_ref()))
    }

    /// Those that run, those first that nobody has written to for longest.
    pub fn running(&self) -> impl Iterator<Item = (&Binding, &Stream)> {
        let running = self.running.iter();
        running.filter_map(|(_, id)| Some((id.as_ref(), self.get(id)?)))
    }

    /// Who runs a stream of a tenant that has that name, of the session where one is named.
    #[must_use]
    pub fn runs(&self, tenant: &TenantId, stream: &StreamId, session: Option<&SessionId>) -> Option<NodeId> {
        let mut sessions = self.sessions_of(tenant, stream);
        sessions.find_map(|of| {
            let binding = Binding {
                tenant: tenant.clone(),
                session: of.clone(),
                stream: stream.clone(),
            };
            let running = self.get(&binding).filter(|known| known.state == State::Open)?;
            session
                .is_none_or(|session| session == of)
                .then_some(running.owner)
        })
    }

    /// The streams of a session.
    pub fn of_session(
        &self,
        tenant: &TenantId,
        session: &SessionId,
    ) -> impl Iterator<Item = (&Binding, &Stream)> {
        let first = Binding {
            tenant: tenant.clone(),
            session: session.clone(),
            stream: StreamId::new(LEAST).expect("a visible character"),
        };
        self.streams
            .range::<Binding, _>(&first..)
            .take_while(move |(id, _)| id.tenant == *tenant && id.session == *session)
            .map(|(id, stream)| (id.as_ref(), stream.as_ref()))
    }

    /// The sessions in which a tenant has a stream of that name.
    pub fn sessions_of(&self, tenant: &TenantId, stream: &StreamId) -> impl Iterator<Item = &SessionId> {
        let least = SessionId::new(LEAST).expect("a visible character");
        self.names
            .range((tenant.clone(), stream.clone(), least)..)
            .take_while(move |(of, name, _)| of == tenant && name == stream)
            .map(|(_, _, session)| session)
    }

    /// Adds a stream.
    pub(in crate::journal) fn insert(&mut self, id: Binding, stream: Box<Stream>) {
        let id = Arc::new(id);
        for token in stream.tokens.iter().flatten() {
            self.tokens.insert(token.hash, Arc::clone(&id));
        }
        self.names
            .insert((id.tenant.clone(), id.stream.clone(), id.session.clone()));
        self.index(&stream).insert((stream.updated, id.clone()));
        self.bytes += stream.bytes();
        self.streams.insert(id, stream);
    }

    fn index(&mut self, stream: &Stream) -> &mut BTreeSet<(UnixMillis, Arc<Binding>)> {
        match stream.has_ended() {
            true => &mut self.ended,
            false => &mut self.running,
        }
    }

    /// Takes a stream out.
    pub(in crate::journal) fn remove(&mut self, id: &Binding) {
        let Some((id, stream)) = self.streams.remove_entry(id) else {
            return;
        };
        for token in stream.tokens.iter().flatten() {
            self.tokens.remove(&token.hash);
        }
        self.names
            .remove(&(id.tenant.clone(), id.stream.clone(), id.session.clone()));
        self.index(&stream).remove(&(stream.updated, id.clone()));
        self.bytes -= stream.bytes();
    }

    /// Whether there is room for one more stream, or for so many bytes more, after those that ended longest ago have made some.
    pub(super) fn make_room(&mut self, streams: usize, bytes: usize, except: &Binding) -> bool {
        let is_over = |table: &Self| {
            table.streams.len() + streams > STREAMS_MAX || table.bytes.saturating_add(bytes) > BYTES_MAX
        };
        while is_over(self) {
            let Some(oldest) = self.ended.iter().map(|(_, id)| id).find(|id| ***id != *except) else {
                return false;
            };
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
        true
    }

    /// Whether an owner may write under an epoch.
    pub(super) fn check(&self, id: &Binding, epoch: u64) -> Result<&Stream, Written> {
        let stream = self.get(id).ok_or(Written::Unknown)?;
        match (stream.epoch == epoch, stream.state) {
            (false, _) => Err(Written::Fenced {
                owner: stream.owner,
                epoch: stream.epoch,
            }),
            (true, State::Closed) => Err(Written::Closed),
            (true, State::Open | State::Finished) => Ok(stream),
        }
    }

    /// Changes a stream that is there, and all that it is found by except its tokens.
    pub(super) fn write(&mut self, id: &Binding, now: UnixMillis, change: impl FnOnce(&mut Stream)) {
        let Some((id, mut stream)) = self.streams.remove_entry(id) else {
            return;
        };
        self.index(&stream).remove(&(stream.updated, id.clone()));
        self.bytes -= stream.bytes();
        change(&mut stream);
        stream.updated = now;
        self.index(&stream).insert((now, id.clone()));
        self.bytes += stream.bytes();
        self.streams.insert(id, stream);
    }

    /// A token is good for nothing any more.
    pub(super) fn revoke(&mut self, id: &Binding, hash: TokenHash) {
        self.tokens.remove(&hash);
        if let Some(stream) = self.streams.get_mut(id) {
            for token in &mut stream.tokens {
                token.take_if(|token| token.hash == hash);
            }
        }
    }

    /// A stream gets a token, for which the older of two is revoked.
    pub(super) fn issue(&mut self, id: &Binding, token: Token) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        let [older, newer] = stream.tokens;
        let given_up = match newer {
            Some(_) => older,
            None => None,
        };
        stream.tokens = [newer.or(older), Some(token)];
        if let Some(given_up) = given_up {
            self.tokens.remove(&given_up.hash);
        }
        if let Some((id, _)) = self.streams.get_key_value(id) {
            self.tokens.insert(token.hash, Arc::clone(id));
        }
    }

    /// Forgets streams that nobody wrote to for longer than `ttl_ms`. Returns whether there are more of them.
    pub(in crate::journal) fn forget(&mut self, now: UnixMillis, ttl_ms: u64) -> bool {
        for _ in 0..FORGOTTEN_PER_TICK {
            let oldest = [self.running.first(), self.ended.first()]
                .into_iter()
                .flatten()
                .min();
            match oldest {
                Some((updated, id)) if now.0.saturating_sub(updated.0) > ttl_ms => {
                    let id = id.clone();
                    self.remove(&id);
                }
                Some(_) | None => return false,
            }
        }
        true
    }
}

/// The least text that is an id.
const LEAST: &str = "!";
