//! How the link to a member stands, for operators.

use std::time::Duration;

use atp_protocol::cluster::NodeId;
use atp_protocol::link::Lane;
use atp_protocol::units::Millis;

use super::connection::Connection;
use super::table::Table;

/// One dialled lane to one member. Each thread with requests of its own has one for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneStatus {
    /// The member.
    pub member: NodeId,
    /// The lane.
    pub lane: Lane,
    /// How it stands.
    pub standing: Standing,
}

/// Connected or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Connected.
    Up {
        /// Since then.
        since: Millis,
        /// Way there and back of the last ping, once one is back.
        rtt: Option<Duration>,
        /// Requests and streams, both ways.
        in_flight: usize,
    },
    /// Not connected.
    Down {
        /// Why, once an attempt has failed.
        why: Option<String>,
    },
}

impl LaneStatus {
    pub(super) fn of(table: &Table, member: NodeId) -> Self {
        let up = |connection: &Connection| Standing::Up {
            since: connection.since,
            rtt: connection.rtt(),
            in_flight: connection.in_flight(),
        };
        let down = || Standing::Down {
            why: table.trouble_of(member),
        };
        Self {
            member,
            lane: table.lane,
            standing: table.get(member).as_deref().map_or_else(down, up),
        }
    }
}
