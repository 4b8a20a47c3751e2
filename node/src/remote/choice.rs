//! Which of several nodes an adapter is called at that is attached to all of them.
//!
//! One that is within reach goes before one that is not; then where the adapter is not known to be unhealthy; then a node that is not
//! full. Among equals it is the next after this node by number, so that callers spread and each always chooses the same for the same
//! hints. Nodes are called full, and no longer full, at loads so far apart that a choice does not swing with every call.

use atp_protocol::cluster::NodeId;

/// What is known of a node that has the adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// It is within reach.
    pub(super) is_there: bool,
    /// It says that the adapter takes no work.
    pub(super) is_unhealthy: bool,
    /// It takes no new work, or all it can do at once is being done.
    pub(super) is_full: bool,
}

/// One of the nodes.
pub(super) struct Offer<T> {
    pub(super) node: NodeId,
    pub(super) standing: Standing,
    /// What it says of the adapter.
    pub(super) what: T,
}

/// The one that `own` calls; `None` if there is none.
pub(super) fn choose<T>(own: NodeId, offers: Vec<Offer<T>>) -> Option<Offer<T>> {
    offers.into_iter().min_by_key(|offer| {
        let Standing {
            is_there,
            is_unhealthy,
            is_full,
        } = offer.standing;
        let distance = offer.node.get().wrapping_sub(own.get());
        (!is_there, is_unhealthy, is_full, distance)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Standing = Standing {
        is_there: true,
        is_unhealthy: false,
        is_full: false,
    };

    fn chosen(own: u16, offers: &[(u16, Standing)]) -> Option<u16> {
        let node = |number: u16| NodeId::new(number).unwrap();
        let offers = offers.iter().map(|(number, standing)| Offer {
            node: node(*number),
            standing: *standing,
            what: (),
        });
        choose(node(own), offers.collect()).map(|offer| offer.node.get())
    }

    #[test]
    fn among_equals_each_node_calls_the_next_one_whatever_the_order() {
        let all = [(2, WELL), (3, WELL), (5, WELL)];
        let mut turned = all;
        turned.reverse();
        for (own, next) in [(1, 2), (4, 5), (6, 2), (9, 2)] {
            assert_eq!(chosen(own, &all), Some(next));
            assert_eq!(chosen(own, &turned), Some(next));
        }
        assert_eq!(chosen(1, &[]), None);
    }

    #[test]
    fn reach_counts_more_than_health_and_health_more_than_load() {
        let away = Standing {
            is_there: false,
            ..WELL
        };
        let ill = Standing {
            is_unhealthy: true,
            ..WELL
        };
        let full = Standing {
            is_full: true,
            ..WELL
        };
        assert_eq!(chosen(1, &[(2, full), (3, WELL)]), Some(3));
        assert_eq!(chosen(1, &[(2, ill), (3, full)]), Some(3));
        assert_eq!(chosen(1, &[(2, away), (3, ill)]), Some(3));
        assert_eq!(
            chosen(1, &[(2, away), (3, away)]),
            Some(2),
            "it is known, and down"
        );
    }
}
