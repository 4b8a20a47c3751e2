//! What members ask of each other, by number. A number means one thing, on whatever lane it is asked for, and is never given to
//! another: two of the same do not compile.

use atp_protocol::link::Service;

/// A service that this release knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Known {
    /// Raft: appends, votes, proposals, pieces of snapshots. Requests on the control and bulk lanes.
    Groups = 1,
    /// HTTP of a client that another member relays. Streams on the request lane.
    Http = 2,
    /// What a member has of accounts. Requests on the control lane.
    Leases = 3,
    /// What only one member can do. Requests on the control lane.
    Orders = 4,
    /// What members say of themselves. Requests on the control lane.
    Gossip = 5,
    /// Calls for adapters that are attached to a member. Streams on the request lane.
    Adapters = 6,
}

impl Known {
    const ALL: [Self; 6] = [
        Self::Groups,
        Self::Http,
        Self::Leases,
        Self::Orders,
        Self::Gossip,
        Self::Adapters,
    ];

    /// The service of a number; `None` for one that a later release knows.
    pub(crate) fn of(service: Service) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.number() == service)
    }

    /// Its number.
    pub(crate) const fn number(self) -> Service {
        Service(self as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_one_service_and_those_of_later_releases_none() {
        for known in Known::ALL {
            assert_eq!(Known::of(known.number()), Some(known));
        }
        let numbers = (0..=u16::MAX).map(Service);
        assert_eq!(numbers.filter_map(Known::of).count(), Known::ALL.len());
    }
}
