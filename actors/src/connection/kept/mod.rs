//! Streams that outlive the connection (atp.md sections 9.2 and 13.2), where the client asked for `resume`.
//!
//! Such a stream lives in an actor of its own, [`streams`](crate::streams); the connection hands it the frames that came and sends
//! on what it says, cut as this connection agreed. When the connection goes, the stream stays, and its client comes back with a
//! token on another. Bounds: those of [`streams`](crate::streams), and the connection's own on open streams.

mod told;

use std::rc::Rc;
use std::sync::Arc;

use actix::{AsyncContext, Context, ResponseFuture};
use atp_protocol::connection::{Output, StreamKey};
use atp_protocol::error::{Code, Fault};
use atp_protocol::frame::Frame;
use atp_protocol::hello::Role;
use atp_protocol::payload::{Kind, Resume};
use atp_protocol::resume::Refusal;
use atp_protocol::units::{Tier, Window};
use tokio::task::AbortHandle;

use super::actor::Connection;
use crate::history::Reader;
use crate::streams::{self, Around, Event, Head, Listed, Opening, Positions};
use told::{CameBack, follow, take};

/// A stream that goes over this connection, and the task that sends on what it says.
pub(super) struct Kept {
    listed: Arc<Listed>,
    pump: AbortHandle,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// What became of a frame.
pub(super) enum Routed {
    /// It is another stream's, or none's.
    Other(Box<Frame<'static>>),
    /// It was refused.
    Refused(Vec<Output>),
    /// It is a kept stream's; resolves when that has dealt with it.
    Taken(ResponseFuture<()>),
}

impl Connection {
    /// Takes a frame that is a kept stream's business: one that opens, resumes or belongs to one.
    pub(super) fn route(&mut self, frame: Frame<'static>, context: &mut Context<Self>) -> Routed {
        if !self.machine.profile().has_resume || self.role != Role::Client {
            return Routed::Other(Box::new(frame));
        }
        let key = StreamKey::of(&frame);
        if frame.payload.kind == Some(Kind::Resume) {
            return self.resume(key, &frame, context);
        }
        if let Some(kept) = self.kept.get(&key) {
            return Routed::Taken(take(Arc::clone(&kept.listed), frame, context.address()));
        }
        let is_known = frame.stream_id.is_control() || self.clients.contains_key(&key);
        let is_control = frame.payload.kind.is_some_and(|kind| !kind.is_sequenced());
        if is_known || is_control {
            return Routed::Other(Box::new(frame));
        }
        if frame.flags.opens() {
            return self.keep(key, frame, context);
        }
        match self.find(&key) {
            // The stream has ended, and the client says that it has its last word.
            Ok(listed) => Routed::Taken(take(listed, frame, context.address())),
            Err(_) => Routed::Other(Box::new(frame)),
        }
    }

    fn find(&self, key: &StreamKey) -> Result<Arc<Listed>, Fault> {
        let streams = &self.router.shared.streams;
        streams.find(&self.identity.tenant, &key.stream, Some(key.session.as_str()))
    }

    /// Opens a stream that is kept.
    fn keep(&mut self, key: StreamKey, frame: Frame<'static>, context: &mut Context<Self>) -> Routed {
        match self.start(&key, &frame, context) {
            Ok((listed, reader)) => {
                self.attach(Arc::clone(&listed), reader, Positions::default(), context);
                Routed::Taken(take(listed, frame, context.address()))
            }
            Err(fault) => Routed::Refused(self.refuse(&key, &fault)),
        }
    }

    fn start(
        &mut self,
        key: &StreamKey,
        frame: &Frame<'static>,
        context: &Context<Self>,
    ) -> Result<(Arc<Listed>, Reader<Event>), Fault> {
        self.count_opening()?;
        self.machine.check_open(key, frame)?;
        let meta = frame.meta.as_ref();
        let opening = Opening {
            identity: Arc::clone(&self.identity),
            key: key.clone(),
            head: Head {
                tier: frame.qos.unwrap_or(Tier::Silver),
                window: frame.window.unwrap_or(Window::MAX),
                budget: None,
            },
            around: Around::default(),
            request_ms: self.settings.request_ms,
            idempotency_key: meta.and_then(|meta| meta.task().idempotency_key),
            holder: Some(context.address().recipient()),
            epoch: None,
        };
        let listed = self.router.shared.streams.start(&self.router, opening)?;
        let reader = listed.read()?;
        Ok((listed, reader))
    }

    /// Sends on what a stream says, beyond what the client has.
    fn attach(
        &mut self,
        listed: Arc<Listed>,
        reader: Reader<Event>,
        has: Positions,
        context: &Context<Self>,
    ) {
        let key = listed.key.clone();
        self.machine.carry(key.clone());
        let following = follow(reader, has, key.clone(), context.address());
        let pump = tokio::task::spawn_local(following).abort_handle();
        self.kept.insert(key, Kept { listed, pump });
    }

    /// Asks a stream whether the client may have it back.
    fn resume(&mut self, key: StreamKey, frame: &Frame<'static>, context: &mut Context<Self>) -> Routed {
        let request = frame
            .payload
            .content
            .as_ref()
            .map(|content| content.read::<Resume>());
        let asked = match request {
            Some(Ok(request)) => self.machine.check_room(&key).map(|()| request),
            Some(Err(_)) | None => Err(Fault::new(Code::BadInput, "a resume needs a resume_token")),
        };
        let request = match asked {
            Ok(request) => request,
            Err(fault) => return Routed::Refused(self.refuse(&key, &fault)),
        };
        let (router, tenant) = (Rc::clone(&self.router), self.identity.tenant.clone());
        let connection = context.address();
        Routed::Taken(Box::pin(async move {
            let session = Some(key.session.as_str());
            let result = match streams::recall(&router, &tenant, &key.stream, session).await {
                Ok(listed) => {
                    let resume = streams::Resume {
                        request,
                        holder: Some(connection.clone().recipient()),
                    };
                    let answer = listed.actor.send(resume).await;
                    let answer = answer.unwrap_or_else(|_| Err(Refusal::Unknown.fault()));
                    answer.map(|resumed| (listed, resumed))
                }
                Err(fault) => {
                    router.world.meter.requests.resume_failures.increment(1);
                    Err(match fault.code {
                        Code::NotFound => Refusal::Unknown.fault(),
                        _ => fault,
                    })
                }
            };
            // A connection that has ended holds nothing.
            let _ = connection.send(CameBack { key, result }).await;
        }))
    }
}
