//! Streams that the peer opened.

use std::rc::Rc;

use actix::{AsyncContext, Context, Handler, ResponseFuture};
use atp_protocol::connection::{Close, Output, StreamKey};
use atp_protocol::error::{Code, ControlError, Fault};
use atp_protocol::frame::Frame;
use atp_protocol::payload::WindowReason;

use super::actor::Connection;
use super::messages::{Admitted, Happened};
use super::{asked, render};
use crate::session::{Opened, Output as Said};

impl Connection {
    /// Admits a stream: its first message is the request.
    pub(super) fn open(
        &mut self,
        key: StreamKey,
        frame: &Frame<'static>,
        context: &mut Context<Self>,
    ) -> Vec<Output> {
        let admitted = self.count_opening();
        let (world, ms) = (&self.router.world, self.settings.request_ms);
        let request = match admitted.and_then(|()| asked::request(world, &self.identity, ms, frame)) {
            Ok(request) => request,
            Err(fault) => return self.refuse(&key, &fault),
        };
        let (router, connection) = (Rc::clone(&self.router), context.address());
        let named = key.clone();
        let admitting = tokio::task::spawn_local(async move {
            let result = router.open(request).await;
            let admitted = Admitted { key: named, result };
            // A connection that has ended dropped the stream before.
            let _ = connection.send(admitted).await;
        });
        self.clients.insert(key, admitting.abort_handle());
        self.busy(frame.qos).into_iter().collect()
    }

    /// Counts a stream against the rates of credential and tenant.
    ///
    /// # Errors
    /// `ERATE`.
    pub(super) fn count_opening(&mut self) -> Result<(), Fault> {
        self.router.admit(&self.identity, &self.settings.access)?;
        self.refusals.clear();
        Ok(())
    }

    /// Tells the peer why it does not get a stream; one that asks too often for too long is closed.
    pub(super) fn refuse(&mut self, key: &StreamKey, fault: &Fault) -> Vec<Output> {
        self.router.world.meter.error(fault.code, fault.scope);
        let now = self.now();
        let mut outputs = self.machine.fail(now, key, fault);
        if fault.code == Code::Rate && self.refusals.is_sustained(now) {
            outputs.extend(self.machine.close(Close::TOO_OFTEN));
        }
        outputs
    }

    /// The peer has given the stream up, or it is over.
    pub(super) fn reset(&mut self, key: &StreamKey, error: Option<ControlError>) -> Vec<Output> {
        if let Some(pump) = self.clients.remove(key) {
            pump.abort();
        }
        self.end_call(key, error);
        Vec::new()
    }
}

impl Handler<Admitted> for Connection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Admitted { key, result }: Admitted, context: &mut Context<Self>) -> Self::Result {
        let now = self.now();
        if !self.clients.contains_key(&key) {
            return Box::pin(std::future::ready(()));
        }
        let outputs = match result {
            Ok(Opened {
                mut events, facts, ..
            }) => {
                let window = self.granted(&key, facts.flow, context);
                let outputs = self.machine.accept(now, &key, window, None);
                let (connection, named) = (context.address(), key.clone());
                let pump = tokio::task::spawn_local(async move {
                    loop {
                        let output = events.recv().await;
                        let is_last = matches!(&output, None | Some(Said::Final(_) | Said::Failed { .. }));
                        let happened = Happened {
                            key: named.clone(),
                            output,
                        };
                        if connection.send(happened).await.is_err() || is_last {
                            return;
                        }
                    }
                });
                self.clients.insert(key, pump.abort_handle());
                outputs
            }
            Err(fault) => {
                self.clients.remove(&key);
                let mut outputs = self.refuse(&key, &fault);
                if fault.code == Code::Window {
                    outputs.extend(self.tell_window(&key.session, WindowReason::Error, true, context));
                }
                outputs
            }
        };
        let waiting = self.process(outputs, context);
        self.queued(waiting)
    }
}

impl Handler<Happened> for Connection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Happened { key, output }: Happened, context: &mut Context<Self>) -> Self::Result {
        let now = self.now();
        let outputs = match output {
            Some(Said::Failed(failure)) => {
                self.clients.remove(&key);
                self.refuse(&key, &failure.fault)
            }
            None => {
                self.clients.remove(&key);
                let fault = Fault::new(
                    Code::Internal,
                    "the stream was lost to an internal failure; open a new one",
                );
                self.refuse(&key, &fault)
            }
            Some(Said::Congested) => {
                self.pacing.carry_mark(key.clone());
                Vec::new()
            }
            Some(said) => {
                let is_last = matches!(said, Said::Final(_));
                if is_last {
                    self.clients.remove(&key);
                }
                match render::payload(said) {
                    Some(payload) => self.machine.send(now, &key, payload, is_last).unwrap_or_default(),
                    None => Vec::new(),
                }
            }
        };
        let mut waiting = self.process(outputs, context);
        if !self.clients.contains_key(&key) {
            self.pacing.forget(&key);
            let told = self.tell_window(&key.session, WindowReason::Aimd, false, context);
            waiting.extend(self.process(told, context));
        }
        self.queued(waiting)
    }
}
