use serde_bytes::ByteBuf;

use super::*;
use crate::journal::decisions::*;

pub(super) fn append(incarnation: u64, number: u64, records: &[&[u8]]) -> AppendDecisions {
    AppendDecisions {
        node: node(1),
        incarnation,
        number,
        tenant: TenantId::new("acme").unwrap(),
        records: records.iter().map(|record| ByteBuf::from(*record)).collect(),
    }
}

#[test]
fn every_record_is_bound_to_all_before_it() {
    let mut log = Log::<Journal>::new();
    log.propose(&append(1, 1, &[b"a", b"b"]));
    let reply = log.propose(&append(1, 2, &[b"c"]));
    let kept: Vec<Decision> = log.machine.decisions().kept().cloned().collect();
    let records: Vec<&[u8]> = kept.iter().map(|decision| decision.record.as_slice()).collect();
    assert_eq!(records, [b"a", b"b", b"c"]);
    let mut previous = Link::default();
    for (number, decision) in (0..).zip(&kept) {
        assert_eq!((decision.number, decision.previous), (number, previous));
        assert_eq!(decision.link, decision.compute());
        previous = decision.link;
    }
    let chain = log.machine.decisions().chain(&kept[0].tenant);
    assert_eq!((chain.next, chain.head), (3, previous));
    let appended = AppendDecisionsReply::Appended {
        first: 2,
        head: previous,
    };
    assert_eq!(reply, appended);
    let forged = [
        Decision {
            record: b"x".to_vec(),
            ..kept[1].clone()
        },
        Decision {
            number: 2,
            ..kept[1].clone()
        },
        Decision {
            at_us: 0,
            ..kept[1].clone()
        },
        Decision {
            previous: [1; 32],
            ..kept[1].clone()
        },
        Decision {
            tenant: TenantId::new("other").unwrap(),
            ..kept[1].clone()
        },
    ];
    for decision in forged {
        assert_ne!(decision.compute(), kept[1].link, "{decision:?}");
    }
}

#[test]
fn records_are_taken_once_and_in_order() {
    let mut log = Log::<Journal>::new();
    assert_eq!(
        log.propose(&append(7, 2, &[b"b"])),
        AppendDecisionsReply::Expected { number: 1 }
    );
    log.propose(&append(7, 1, &[b"a"]));
    let mut log = log.reloaded();
    assert_eq!(
        log.propose(&append(7, 1, &[b"a"])),
        AppendDecisionsReply::Repeated
    );
    assert_eq!(
        log.propose(&append(6, 2, &[b"x"])),
        AppendDecisionsReply::Superseded
    );
    assert!(matches!(
        log.propose(&append(8, 1, &[b"b"])),
        AppendDecisionsReply::Appended { first: 1, .. }
    ));
    assert_eq!(log.machine.decisions().kept().count(), 2);
}

#[test]
fn records_are_bounded_and_old_ones_give_way() {
    let mut log = Log::<Journal>::new();
    let long = vec![0; RECORD_MAX + 1];
    assert_eq!(
        log.propose(&append(1, 1, &[&long])),
        AppendDecisionsReply::TooLong
    );
    let many = vec![&b""[..]; RECORDS_PER_COMMAND + 1];
    assert_eq!(log.propose(&append(1, 1, &many)), AppendDecisionsReply::TooLong);
    let large = vec![0; RECORD_MAX];
    let fits = KEPT_BYTES_MAX / RECORD_MAX;
    for number in 1..=fits + 3 {
        log.propose(&append(1, u64::try_from(number).unwrap(), &[&large]));
    }
    let first = log.machine.decisions().kept().next().unwrap().number;
    assert_eq!((log.machine.decisions().kept().count(), first), (fits, 3));
}

#[test]
fn a_chain_that_was_tampered_with_is_told_by_its_first_flaw() {
    let mut log = Log::<Journal>::new();
    log.propose(&append(1, 1, &[b"a", b"b", b"c"]));
    let whole: Vec<Decision> = log.machine.decisions().kept().cloned().collect();
    let chains = log.machine.decisions().chains();
    let chains = chains.map(|(tenant, chain)| (tenant.clone(), *chain)).collect();
    let check = |kept: &[Decision]| {
        let verdict = verify(&chains, kept)[&whole[0].tenant];
        (verdict.checked, verdict.flaw)
    };
    assert_eq!(check(&whole), (3, None));
    assert_eq!(check(&whole[1..]), (2, None), "older ones gave way");
    assert_eq!(check(&[]), (0, None));
    let mut altered = whole.clone();
    altered[1].record = b"x".to_vec();
    assert_eq!(check(&altered), (1, Some((1, Flaw::Hash))));
    altered[1].link = altered[1].compute();
    assert_eq!(check(&altered), (2, Some((2, Flaw::Link))));
    assert_eq!(
        check(&[whole[0].clone(), whole[2].clone()]),
        (1, Some((2, Flaw::Gap)))
    );
    assert_eq!(check(&whole[..2]), (2, Some((2, Flaw::Head))));
}
