//! What is where: which group something belongs to, which member should lead a group, and who should be its members. Decisions only;
//! whoever leads carries them out.
//!
//! The group of something is a part of the cluster's format (docs/adr/0013): it never changes for a running cluster.

mod leaders;
mod members;

pub use leaders::{Led, Move, balance};
pub use members::{Step, next_step};

use atp_protocol::cluster::GroupId;

/// The journal group, of `journals`, of the session, stream or account `id` of a tenant: `blake3(tenant, 0, id) mod J`, of the
/// first eight bytes as a little-endian number. `journals` is at least 1.
#[must_use]
pub fn group_of(tenant: &str, id: &str, journals: u16) -> GroupId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(tenant.as_bytes());
    // Neither may hold it, so that no two pairs run together.
    hasher.update(&[0]);
    hasher.update(id.as_bytes());
    let hash = hasher.finalize();
    let (first, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    let group = u64::from_le_bytes(*first) % u64::from(journals.max(1));
    GroupId(1 + u16::try_from(group).expect("a remainder of a u16 is a u16"))
}

/// The journal group of an account: that of the root of its tree.
#[must_use]
pub fn group_of_account(root: &str, journals: u16) -> GroupId {
    group_of(root, "", journals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placement_never_changes() {
        let groups: Vec<u16> = ["s-1", "s-2", "s-3", "s-4"]
            .iter()
            .map(|id| group_of("acme", id, 8).0)
            .collect();
        assert_eq!(groups, [6, 7, 8, 4]);
        assert_eq!(group_of_account("acme", 8).0, 3);
    }

    #[test]
    fn what_belongs_to_several_tenants_spreads() {
        let mut counts = [0; 8];
        for n in 0..8_000 {
            counts[usize::from(group_of("acme", &format!("s-{n}"), 8).0) - 1] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
    }
}
