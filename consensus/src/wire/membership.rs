//! Who belongs to a group.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::LogIdForm;
use crate::types::{Member, Membership, StoredMembership};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MembershipForm {
    /// One set of voters, or two while it changes: then a quorum of each is needed.
    voters: Vec<BTreeSet<u64>>,
    /// All members with the addresses of their links; those that are no voters are learners.
    addresses: BTreeMap<u64, String>,
}

impl From<&Membership> for MembershipForm {
    fn from(membership: &Membership) -> Self {
        Self {
            voters: membership.get_joint_config().clone(),
            addresses: membership
                .nodes()
                .map(|(node, member)| (*node, member.address.clone()))
                .collect(),
        }
    }
}

impl From<MembershipForm> for Membership {
    fn from(form: MembershipForm) -> Self {
        let members: BTreeMap<u64, Member> = form
            .addresses
            .into_iter()
            .map(|(node, address)| (node, Member { address }))
            .collect();
        Self::new(form.voters, members)
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMembershipForm {
    at: Option<LogIdForm>,
    membership: MembershipForm,
}

impl From<&StoredMembership> for StoredMembershipForm {
    fn from(stored: &StoredMembership) -> Self {
        Self {
            at: stored.log_id().map(Into::into),
            membership: stored.membership().into(),
        }
    }
}

impl From<StoredMembershipForm> for StoredMembership {
    fn from(form: StoredMembershipForm) -> Self {
        Self::new(form.at.map(Into::into), form.membership.into())
    }
}
