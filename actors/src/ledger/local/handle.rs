//! The ledger of the process as the home of accounts.

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message};
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AccountId;
use atp_routing::budget::home::{Acknowledged, Granted, HomeRefusal, Share, Statement};
use atp_routing::budget::{HoldId, Limits, home};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Ledger;
use super::messages::{CloseAccount, Grant, PutAccount, State, View};
use crate::ledger::{AccountView, Home};

/// The ledger, from any arbiter. Cheap to clone.
#[derive(Clone)]
pub(in crate::ledger) struct LocalHome(Addr<Ledger>);

impl LocalHome {
    /// The handle of a started ledger.
    #[must_use]
    pub(in crate::ledger) const fn new(addr: Addr<Ledger>) -> Self {
        Self(addr)
    }

    fn ask<M>(&self, message: M) -> BoxFuture<'static, Result<M::Result, Fault>>
    where
        Ledger: Handler<M>,
        <Ledger as Actor>::Context: ToEnvelope<Ledger, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let closed = |_| {
            Fault::new(
                Code::Internal,
                "the ledger has stopped; the operator must look at the node",
            )
        };
        self.0.send(message).map(move |sent| sent.map_err(closed)).boxed()
    }
}

impl Home for LocalHome {
    fn grant(&self, grant: home::Grant) -> BoxFuture<'static, Result<Granted, HomeRefusal>> {
        let stopped = |fault: Fault| Err(HomeRefusal::Unavailable(fault.detail.into_owned()));
        self.ask(Grant(grant))
            .map(move |answer| answer.unwrap_or_else(stopped))
            .boxed()
    }

    fn state(&self, statements: Vec<Statement>) -> BoxFuture<'static, Vec<(HoldId, Acknowledged)>> {
        self.ask(State(statements)).map(Result::unwrap_or_default).boxed()
    }

    fn view(
        &self,
        account: Option<AccountId>,
        shares: Vec<Share>,
    ) -> BoxFuture<'static, Result<Vec<AccountView>, Fault>> {
        self.ask(View { id: account, shares })
    }

    fn put(
        &self,
        id: AccountId,
        parent: Option<AccountId>,
        limits: Limits,
    ) -> BoxFuture<'static, Result<AccountView, Fault>> {
        self.ask(PutAccount { id, parent, limits })
            .map(Result::flatten)
            .boxed()
    }

    fn close(&self, id: AccountId) -> BoxFuture<'static, Result<AccountView, Fault>> {
        self.ask(CloseAccount { id }).map(Result::flatten).boxed()
    }

    fn is_alive(&self) -> bool {
        self.0.connected()
    }
}
