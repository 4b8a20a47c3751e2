//! A node by itself, and what becomes of its data when it is given a certificate.

use std::path::Path;

use atp_consensus::meta::cluster::ALONE;
use atp_protocol::cluster::NodeId;

use super::open::{GROUPS_DIR, Place};
use crate::identity::{self, DirectoryError, Name};

/// Journal groups of a node by itself.
const JOURNALS: u16 = 8;

/// A node by itself is the first of a cluster that nobody joins.
pub(crate) fn place(name: &str) -> Place {
    Place {
        cluster: ALONE.to_owned(),
        node: node(),
        name: name.to_owned(),
        journals: JOURNALS,
        address: String::new(),
        is_first: true,
        is_alone: true,
    }
}

fn node() -> NodeId {
    NodeId::new(1).expect("a number above 0")
}

/// Takes a data directory for a member. What a node by itself has agreed on with nobody else goes on as the beginning of a cluster, if it
/// is that cluster's first node and has as many groups; anybody else would bring a log of its own into groups that have one.
///
/// # Errors
/// [`DirectoryError`].
pub(crate) fn claim(data_dir: &Path, place: &Place, member: Name) -> Result<(), DirectoryError> {
    may_claim(data_dir, place, member)?;
    identity::claim(data_dir, Some(member))
}

/// As [`claim`], and changes nothing.
///
/// # Errors
/// As [`claim`].
pub(crate) fn may_claim(data_dir: &Path, place: &Place, member: Name) -> Result<(), DirectoryError> {
    let is_owned = identity::owner(data_dir, Some(member))?.is_some();
    let fits = place.is_first && place.node == node() && place.journals == JOURNALS;
    if is_owned || fits || !data_dir.join(GROUPS_DIR).exists() {
        return Ok(());
    }
    Err(DirectoryError::Alone {
        path: data_dir.to_owned(),
        member: member.to_string(),
        journals: JOURNALS,
    })
}

#[cfg(test)]
mod tests {
    use atp_protocol::cluster::ClusterId;

    use super::*;

    fn claims(data_dir: &Path, number: u16, is_first: bool, journals: u16) -> Result<(), DirectoryError> {
        let member = Name {
            cluster: ClusterId::new([1; 16]),
            node: NodeId::new(number).unwrap(),
        };
        let place = Place {
            node: member.node,
            journals,
            is_first,
            is_alone: false,
            ..super::place("n")
        };
        claim(data_dir, &place, member)
    }

    #[test]
    fn data_of_a_node_by_itself_is_taken_by_the_first_node_of_a_cluster_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(GROUPS_DIR)).unwrap();
        for (number, is_first, journals) in [(2, false, 8), (2, true, 8), (1, false, 8), (1, true, 16)] {
            let refused = claims(dir.path(), number, is_first, journals).unwrap_err();
            assert!(matches!(refused, DirectoryError::Alone { .. }), "{refused:?}");
        }
        claims(dir.path(), 1, true, 8).unwrap();
        claims(dir.path(), 1, true, 8).unwrap();
        let fresh = tempfile::tempdir().unwrap();
        claims(fresh.path(), 2, false, 16).unwrap();
        std::fs::create_dir(fresh.path().join(GROUPS_DIR)).unwrap();
        claims(fresh.path(), 2, false, 16).unwrap();
    }
}
