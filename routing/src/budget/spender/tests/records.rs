use super::*;
use crate::budget::Report;
use crate::budget::home::LeaseState;
use crate::budget::spender::{Record, RecordError};

/// One record of each kind, in the order of the enum.
fn samples() -> Vec<Record> {
    let (account, id, lease) = (account_id("a"), hold_id("r1"), hold_id("l1"));
    let report = Report {
        number: 9,
        spent: amount(10, 11),
        beyond: amount(12, 13),
        unknown: amount(14, 15),
        returned: amount(16, 17),
        calls: 18,
    };
    let state = LeaseState {
        asks: 1,
        reports: 2,
        amount: amount(300, 70_000),
        calls: 3,
    };
    vec![
        Record::Opened {
            account: account.clone(),
            lease: lease.clone(),
        },
        Record::Known {
            account: account.clone(),
            state,
        },
        Record::Held {
            account: account.clone(),
            id: id.clone(),
            amount: amount(4, 5),
            expires_at: UnixMillis(1_000_000),
        },
        Record::Extended {
            account: account.clone(),
            id: id.clone(),
            by: amount(6, 7),
            expires_at: UnixMillis(8),
        },
        Record::Settled {
            account: account.clone(),
            id: id.clone(),
            actual: amount(9, 10),
            unknown: amount(11, 12),
        },
        Record::Released {
            account: account.clone(),
            id: id.clone(),
        },
        Record::Reported {
            account: account.clone(),
            report,
        },
        Record::Closed {
            account: account.clone(),
        },
        Record::Leased {
            account,
            lease,
            known: state,
            pending: report,
            sent: Some(report),
            ended: vec![id],
        },
    ]
}

/// The bytes of [`samples`] in format 1, decoded for ever.
const FORMAT_1: [&str; 9] = [
    "01000161026c31",
    "010101610102fb2c01fc7011010003",
    "010201610272310405fc40420f00",
    "01030161027231060708",
    "01040161027231090a0b0c",
    "01050161027231",
    "01060161090a0b0c0d0e0f101112",
    "01070161",
    "01080161026c310102fb2c01fc7011010003090a0b0c0d0e0f10111201090a0b0c0d0e0f10111201027231",
];

#[test]
fn records_of_format_1_are_read_for_ever() {
    let hex = |record: &Record| {
        let mut bytes = Vec::new();
        record.encode_into(&mut bytes);
        assert_eq!(&Record::decode(&bytes).unwrap(), record);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let encoded: Vec<String> = samples().iter().map(hex).collect();
    assert_eq!(encoded, FORMAT_1);
}

#[test]
fn what_is_not_a_record_is_refused() {
    assert!(matches!(Record::decode(&[]), Err(RecordError::Empty)));
    assert!(matches!(
        Record::decode(&[2, 0]),
        Err(RecordError::Format { found: 2 })
    ));
    assert!(matches!(
        Record::decode(&[1, 200]),
        Err(RecordError::Malformed(_))
    ));
}
