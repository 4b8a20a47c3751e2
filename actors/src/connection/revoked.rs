//! A connection whose key was revoked while it was open: it ends with 4401 before anything else happens on it, when its peer says
//! something, and when an agent would be told of a client's work.

use actix::Context;
use atp_protocol::connection::Close;
use atp_protocol::error::{Code, Fault, Scope};

use super::actor::Connection;
use super::egress::Wire;

impl Connection {
    /// Ends the connection of an agent whose credential is none any more, before it is told anything of a client's work.
    ///
    /// # Errors
    /// `EAGENTDOWN`, of the lane: another may do it.
    pub(super) fn check_agent(&mut self, context: &mut Context<Self>) -> Result<(), Fault> {
        let Err(fault) = self.settings.access.check() else {
            return Ok(());
        };
        let waiting = self.turn_away(&fault, context);
        self.send_later(waiting, context);
        let detail = "the agent's key was revoked; ask for another adapter";
        Err(Fault::new(Code::AgentDown, detail).scoped(Scope::Lane))
    }

    /// The credential is none any more, so the connection ends.
    pub(super) fn turn_away(&mut self, fault: &Fault, context: &mut Context<Self>) -> Vec<Wire> {
        let fault = fault.clone().scoped(Scope::Connection);
        self.router.world.meter.error(fault.code, fault.scope);
        let now = self.now();
        let mut outputs = self.machine.reject(now, &fault);
        outputs.extend(self.machine.close(Close::UNAUTHENTICATED));
        self.process(outputs, context)
    }
}
