//! What the peer declares itself to be (atp.md 7.3).
//!
//! One declaration of a connection is on its way at a time: registered, then probed. Of those that come meanwhile the latest is
//! kept and follows; one that says what was said before changes nothing, but that the adapter is there.

use std::rc::Rc;
use std::sync::Arc;

use actix::{AsyncContext, Context, Handler};
use atp_protocol::adapter::Capability;
use atp_protocol::connection::Close;
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::estimate::Price;
use atp_protocol::ids::TenantId;
use atp_protocol::request::Demand;

use super::actor::Connection;
use super::dialled::Dialled;
use super::messages::{Declared, Superseded};
use super::probe::probe;
use crate::registry::{AdapterSpec, Attachment, PriceList};

/// Calls of an agent that does not say how many it takes.
const WINDOW: u32 = 64;

/// How far the declarations of a connection have come.
#[derive(Default)]
pub(super) struct Declarations {
    /// How many were made.
    made: u64,
    /// The last one that was made, unless it failed.
    last: Option<Arc<Capability>>,
    /// It is on its way.
    is_busy: bool,
    /// The latest that came meanwhile.
    next: Option<Box<Capability>>,
}

/// What is to be done about a declaration.
#[derive(Debug, PartialEq)]
enum Turn {
    /// It is made.
    Make(Box<Capability>),
    /// It waits for the one before.
    Wait,
    /// It is the one in force.
    Same,
}

impl Declarations {
    fn take(&mut self, capability: Box<Capability>) -> Turn {
        let is_same = self.last.as_deref() == Some(&*capability);
        match (self.is_busy, is_same) {
            (false, false) => Turn::Make(capability),
            (false, true) => Turn::Same,
            (true, is_same) => {
                self.next = Some(capability).filter(|_| !is_same);
                Turn::Wait
            }
        }
    }

    /// Begins one; its number.
    fn begin(&mut self, capability: &Arc<Capability>) -> u64 {
        self.made += 1;
        self.is_busy = true;
        self.last = Some(Arc::clone(capability));
        self.made
    }

    /// Ends the one on its way. Returns the one that follows.
    fn end(&mut self, is_in_force: bool) -> Option<Box<Capability>> {
        self.is_busy = false;
        if !is_in_force {
            // It may be tried again.
            self.last = None;
        }
        self.next.take()
    }
}

impl Connection {
    pub(super) fn declare(
        &mut self,
        mut capability: Box<Capability>,
        context: &mut Context<Self>,
    ) -> Result<(), Fault> {
        let owner = self.owner()?;
        match &self.adapter {
            Some(claim) if claim.name.id != capability.adapter_id => {
                let detail = format!(
                    "this connection is adapter {}; connect again to be another",
                    claim.name.id
                );
                return Err(Fault::new(Code::BadInput, detail));
            }
            _ => {}
        }
        // `agent.request` has no word for it.
        if !capability.lacks.contains(&Demand::Choices) {
            capability.lacks.push(Demand::Choices);
        }
        match (self.declarations.take(capability), &self.adapter) {
            (Turn::Make(capability), _) => self.make(capability, owner, context),
            (Turn::Same, Some(claim)) => self.router.registry.report_alive(claim.clone()),
            (Turn::Same, None) | (Turn::Wait, _) => {}
        }
        Ok(())
    }

    /// Registers what the peer is, and probes it.
    fn make(&mut self, capability: Box<Capability>, owner: Option<TenantId>, context: &mut Context<Self>) {
        let capability: Arc<Capability> = Arc::from(capability);
        let number = self.declarations.begin(&capability);
        let factory = Dialled::new(Arc::clone(&capability), context.address(), number);
        let spec = AdapterSpec {
            prices: self.prices(&capability),
            window: capability.max_parallel.unwrap_or(WINDOW),
            factory: Arc::new(factory),
            capability,
            owner,
            attachment: Attachment::Dialled,
            region: Arc::clone(&self.router.settings.region),
            cancel_stops_billing: true,
        };
        self.adapter = Some(spec.claim());
        self.machine.keep_when_idle();
        let router = Rc::clone(&self.router);
        let connection = context.address();
        tokio::task::spawn_local(async move {
            let declared = match router.registry.register(spec.clone()).await {
                Ok(()) => probe(&router, &spec)
                    .await
                    .map_err(|fault| fault.scoped(Scope::Message)),
                Err(fault) => {
                    tracing::warn!(adapter = %spec.capability.adapter_id, %fault, "adapter refused");
                    // The name or a place is not to be had: the connection is of no use.
                    Err(fault.scoped(Scope::Connection))
                }
            };
            connection.do_send(Declared(declared));
        });
    }

    /// Whom an agent of this connection works for: the tenant of its credential, or everybody when it is the operator's.
    ///
    /// # Errors
    /// `ESEC` for a credential without the right.
    fn owner(&self) -> Result<Option<TenantId>, Fault> {
        match (self.identity.is_admin, self.identity.may_declare_agents) {
            (true, _) => Ok(None),
            (false, true) => Ok(Some(self.identity.tenant.clone())),
            (false, false) => {
                let detail = "this key may not declare agents; the operator makes one that may";
                Err(Fault::new(Code::Sec, detail))
            }
        }
    }

    /// The operator's prices go before the agent's own.
    fn prices(&self, capability: &Capability) -> PriceList {
        let listed = &self.router.settings.prices;
        let own = capability.cost_per_token_micros.map(Price::per_token);
        PriceList {
            models: capability
                .models
                .iter()
                .filter_map(|model| Some((model.clone(), *listed.get(model)?)))
                .collect(),
            other: listed.get(capability.adapter_id.as_str()).copied().or(own),
        }
    }
}

impl Handler<Declared> for Connection {
    type Result = ();

    fn handle(&mut self, Declared(result): Declared, context: &mut Context<Self>) {
        let next = self.declarations.end(result.is_ok());
        if let Err(fault) = &result {
            self.tell(fault, context);
            if fault.scope == Scope::Connection {
                return;
            }
        }
        if let Some(Err(fault)) = next.map(|capability| self.declare(capability, context)) {
            self.tell(&fault.scoped(Scope::Message), context);
        }
    }
}

impl Handler<Superseded> for Connection {
    type Result = ();

    fn handle(&mut self, Superseded(number): Superseded, context: &mut Context<Self>) {
        if number != self.declarations.made {
            // It was this connection that declared itself anew.
            return;
        }
        let outputs = self.machine.close(Close::SUPERSEDED);
        let waiting = self.process(outputs, context);
        self.send_later(waiting, context);
    }
}

impl Connection {
    /// Tells the peer what became of its declaration.
    fn tell(&mut self, fault: &Fault, context: &mut Context<Self>) {
        self.router.world.meter.error(fault.code, fault.scope);
        let now = self.now();
        let outputs = self.machine.reject(now, fault);
        let waiting = self.process(outputs, context);
        self.send_later(waiting, context);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn capability(model: &str) -> Box<Capability> {
        let content =
            json!({ "adapter_id": "a", "adapter_type": "llm", "capabilities": [], "models": [model] });
        Box::new(serde_json::from_value(content).unwrap())
    }

    #[test]
    fn the_latest_follows_the_one_on_its_way_and_those_between_are_never_made() {
        let mut declarations = Declarations::default();
        let first = Arc::from(capability("first"));
        assert_eq!(
            declarations.take(capability("first")),
            Turn::Make(capability("first"))
        );
        declarations.begin(&first);
        for model in ["second", "third"] {
            assert_eq!(declarations.take(capability(model)), Turn::Wait);
        }
        assert_eq!(declarations.end(true), Some(capability("third")));
        assert_eq!((declarations.end(true), declarations.made), (None, 1));
    }

    #[test]
    fn what_was_said_before_changes_nothing_unless_it_failed() {
        let mut declarations = Declarations::default();
        declarations.begin(&Arc::from(capability("first")));
        declarations.take(capability("second"));
        assert_eq!(declarations.take(capability("first")), Turn::Wait);
        assert_eq!(declarations.end(true), None, "it thought better of the second");
        assert_eq!(declarations.take(capability("first")), Turn::Same);
        declarations.begin(&Arc::from(capability("first")));
        declarations.end(false);
        assert_eq!(
            declarations.take(capability("first")),
            Turn::Make(capability("first"))
        );
    }
}
