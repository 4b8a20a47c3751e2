//! What else is to happen when a journal group changes.

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::AccountId;
use atp_protocol::resume::Binding;
use atp_protocol::units::Amount;
use atp_routing::budget::HoldId;

/// Hints, all of which can be found again in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// An account, its limits or whether it is there changed.
    LimitsChanged {
        /// The account.
        account: AccountId,
    },
    /// There was no room: holders of the account, and of those below it, are to be asked to give back what they do not use.
    RecallWanted {
        /// The account that is short.
        account: AccountId,
    },
    /// A holder was not heard of in time; what it did not report stays reserved.
    LeaseLapsed {
        /// The lease.
        lease: HoldId,
        /// Its holder.
        node: NodeId,
        /// The account.
        account: AccountId,
    },
    /// The rest of a removed member's lease was charged as unknown.
    LeaseReclaimed {
        /// The lease.
        lease: HoldId,
        /// The account.
        account: AccountId,
        /// What was charged.
        charged: Amount,
    },
    /// A stream was opened.
    StreamOpened {
        /// The stream.
        stream: Binding,
    },
    /// A stream has its final.
    StreamFinished {
        /// The stream.
        stream: Binding,
    },
    /// A removed member had spent more than was charged for it; the rest was charged as well.
    LateUsage {
        /// The account.
        account: AccountId,
        /// The rest.
        beyond: Amount,
    },
}
