//! What a stream's session tells it.

use std::sync::Arc;

use actix::fut::ready;
use actix::{ActorFutureExt, Addr, AsyncContext, Context, Handler, ResponseActFuture, WrapFuture};
use atp_protocol::connection;
use atp_protocol::error::{Code, Fault};
use atp_protocol::stream::State;
use atp_protocol::units::Amount;
use tokio::sync::mpsc;

use super::Event;
use super::messages::{Admitted, Happened, LastWords, Recorded, ToHolder};
use super::records::Fenced;
use super::stream::KeptStream;
use crate::connection::render;
use crate::history::History;
use crate::session::{Opened, Output, Telemetry};

/// Carries what a session says to its stream, no faster than there is room to keep it.
async fn pump(history: Arc<History<Event>>, mut events: mpsc::Receiver<Output>, stream: Addr<KeptStream>) {
    loop {
        history.room().await;
        let said = events.recv().await;
        let is_last = matches!(&said, None | Some(Output::Final(_) | Output::Failed(_)));
        if stream.send(Happened(said)).await.is_err() || is_last {
            return;
        }
    }
}

impl Handler<Admitted> for KeptStream {
    type Result = ();

    fn handle(&mut self, Admitted(result): Admitted, context: &mut Context<Self>) {
        if self.is_over() {
            return;
        }
        match result {
            Ok(Opened {
                facts,
                events,
                repeat,
            }) => {
                let now = self.now();
                // Over HTTP the token is in the answer to the request that opened the stream.
                let ttl_ms = self.settings().ttl_ms;
                let token = self.holder.as_ref().and_then(|_| self.spare.take());
                let token = token.map(|token| (token.reveal(), ttl_ms));
                self.flow = facts.flow.clone();
                let outputs = self.machine.accept(now, &self.key, self.window(), token);
                self.tell(outputs);
                if let (Some(holder), Some(flow)) = (&self.holder, &self.flow) {
                    holder.do_send(ToHolder::Granted(self.key.clone(), Arc::clone(flow)));
                }
                self.admission.send_replace(Some(Ok((facts, repeat))));
                let pumping = pump(Arc::clone(&self.history), events, context.address());
                self.pump = Some(tokio::task::spawn_local(pumping).abort_handle());
            }
            Err(fault) => self.refuse(fault),
        }
    }
}

impl Handler<Happened> for KeptStream {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, Happened(said): Happened, _: &mut Context<Self>) -> Self::Result {
        if self.is_over() {
            return Box::pin(ready(()));
        }
        let now = self.now();
        match said {
            Some(Output::Failed(failure)) => {
                self.used = charged(&failure.telemetry);
                let fault = &failure.fault;
                self.router.world.meter.error(fault.code, fault.scope);
                let outputs = self.machine.fail(now, &self.key, fault);
                self.conclude(outputs, State::Reset)
            }
            Some(Output::Final(answer)) => {
                self.used = charged(&answer.telemetry);
                let payload = render::payload(Output::Final(answer)).expect("a final is told to clients");
                match self.machine.send(now, &self.key, payload, true) {
                    Ok(outputs) => self.conclude(outputs, State::Closed),
                    Err(fault) => self.failed(&fault),
                }
            }
            Some(said) => match render::payload(said) {
                Some(payload) => match self.machine.send(now, &self.key, payload, false) {
                    Ok(outputs) => self.say(outputs),
                    Err(fault) => self.failed(&fault),
                },
                None => Box::pin(ready(())),
            },
            None => {
                let detail = "nobody read the stream for too long, or it was lost to an internal failure";
                self.failed(&Fault::new(Code::Cancel, detail))
            }
        }
    }
}

impl KeptStream {
    fn failed(&mut self, fault: &Fault) -> ResponseActFuture<Self, ()> {
        self.fail(fault);
        Box::pin(ready(()))
    }

    /// Shows readers what the session said, when the record has its numbers.
    fn say(&mut self, outputs: Vec<connection::Output>) -> ResponseActFuture<Self, ()> {
        let events = self.events(outputs);
        let Some(reserving) = self.reserve(&events) else {
            self.push(events);
            return Box::pin(ready(()));
        };
        Box::pin(
            reserving
                .into_actor(self)
                .map(|reserved, this, context| match reserved {
                    Ok(lanes) => {
                        lanes.iter().for_each(|lane| this.reserved.extend(lane));
                        if !this.is_over() {
                            this.push(events);
                        }
                    }
                    Err(Fenced) => this.fenced(context),
                }),
        )
    }

    /// Ends the stream with its last word, when that is on record.
    fn conclude(&mut self, outputs: Vec<connection::Output>, state: State) -> ResponseActFuture<Self, ()> {
        let events = self.events(outputs);
        let finishing = self.finish(&events);
        Box::pin(finishing.into_actor(self).map(move |finished, this, context| {
            if this.is_over() {
                return;
            }
            match finished {
                Ok(None) => this.end_with(events, state),
                Ok(Some(before)) => this.end_with_words(before),
                Err(Fenced) => this.fenced(context),
            }
        }))
    }
}

impl Handler<Recorded> for KeptStream {
    type Result = bool;

    fn handle(&mut self, recorded: Recorded, context: &mut Context<Self>) -> bool {
        self.recorded(recorded, context)
    }
}

impl Handler<LastWords> for KeptStream {
    type Result = ();

    fn handle(&mut self, LastWords(words): LastWords, _: &mut Context<Self>) {
        if !self.is_over() {
            self.end_with_words(words);
        }
    }
}

/// What a request was charged; nothing for one that was told another's answer.
fn charged(telemetry: &Telemetry) -> Amount {
    match telemetry.is_replay {
        true => Amount::ZERO,
        false => Amount {
            tokens: telemetry.in_tokens.saturating_add(telemetry.out_tokens),
            usd_micros: telemetry.usd_micros,
        },
    }
}
