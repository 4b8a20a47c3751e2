use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openraft::EntryPayload;
use proptest::prelude::*;
use serde_bytes::ByteBuf;

use super::*;
use crate::types::{Batch, Entry, Member, Membership};

fn log_id(term: u64, leader: u64, index: u64) -> LogId {
    LogIdForm { term, leader, index }.into()
}

fn entry(payload: EntryPayload<crate::types::Types>) -> Entry {
    Entry {
        log_id: log_id(3, 2, 300),
        payload,
    }
}

fn commands() -> Entry {
    entry(EntryPayload::Normal(Batch {
        proposed_at_us: 1_700_000_000_000_000,
        commands: Arc::new([ByteBuf::from(vec![1, 2]), ByteBuf::from(vec![9])]),
        ..Batch::default()
    }))
}

fn membership() -> Entry {
    let members: BTreeMap<u64, Member> = [(1, "a:7444"), (2, "b:7444"), (3, "c:7444")]
        .map(|(node, address)| {
            (
                node,
                Member {
                    address: address.to_owned(),
                },
            )
        })
        .into();
    let voters = vec![BTreeSet::from([1]), BTreeSet::from([1, 2])];
    entry(EntryPayload::Membership(Membership::new(voters, members)))
}

/// Logs of an earlier release are read forever: these bytes never change.
#[test]
fn entries_are_written_as_they_always_were() {
    let golden = [
        (entry(EntryPayload::Blank), "010302fb2c0100"),
        (commands(), "010302fb2c0101fd00401e18240a0600020201020109"),
        (
            membership(),
            "010302fb2c0102020101020102030106613a373434340206623a373434340306633a37343434",
        ),
    ];
    for (entry, bytes) in golden {
        let written = encode(&EntryForm::from(&entry));
        let hex: String = written.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, bytes);
        let read: Entry = decode::<EntryForm>(&written).unwrap().into();
        assert_eq!(encode(&EntryForm::from(&read)), written);
    }
}

#[test]
fn a_vote_is_written_as_it_always_was() {
    let mut vote = Vote::new(7, 3);
    vote.commit();
    let written = encode(&VoteForm::from(vote));
    assert_eq!(written, [1, 7, 3, 1]);
    assert_eq!(Vote::from(decode::<VoteForm>(&written).unwrap()), vote);
}

#[test]
fn a_later_form_is_refused_by_its_number() {
    let mut written = encode(&VoteForm::from(Vote::new(7, 3)));
    written[0] = 2;
    assert!(matches!(
        decode::<VoteForm>(&written),
        Err(FormError::Version { found: 2 })
    ));
    assert!(matches!(decode::<VoteForm>(&[]), Err(FormError::Empty)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::<EntryForm>(&bytes);
        let _ = decode::<StoredMembershipForm>(&bytes);
    }
}
