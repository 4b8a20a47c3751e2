//! Accounts and streams, as another cluster begins with them.

use atp_protocol::resume::{Binding, Claim, IdempotencyKey, State as Under};
use atp_routing::budget::HoldId;

use super::Journal;
use super::streams::State;
use crate::machine::Context;
use crate::restore::Restorable;

impl Restorable for Journal {
    /// What the old members had of accounts is charged as unknown, as it is of a member that is removed: nobody knows what they spent of it
    /// (docs/adr/0005, 0012). Streams with a final stay; of those without one nobody knows how far they came, and they are not run again.
    fn restored(&mut self, context: &Context) {
        let leases: Vec<HoldId> = self.home.leases().map(|(id, _)| id.clone()).collect();
        for lease in leases {
            // Whoever would be told is of the old cluster.
            let _ = self.home.reclaim(context, &lease);
        }
        self.home.forget_members();
        let open = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.state == State::Open);
        let open: Vec<Binding> = open.map(|(id, _)| id.clone()).collect();
        for stream in open {
            self.streams.remove(&stream);
        }
        let running = self
            .requests
            .iter()
            .filter_map(|(key, entry)| match &entry.state {
                Under::Running(claim) => Some((key.clone(), claim.clone())),
                Under::Lost(_) | Under::Finished(_) => None,
            });
        let running: Vec<(IdempotencyKey, Claim)> = running.collect();
        for (key, claim) in running {
            self.requests.lose(&key, &claim);
        }
        self.decisions.writers.clear();
    }
}
