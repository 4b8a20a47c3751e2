use atp_protocol::adapter::UsageSource;

use super::*;
use crate::budget::{RecordError, Report};

/// One record of each kind, in the order of the enum.
fn samples() -> Vec<Record> {
    let id = hold_id("r1");
    vec![
        Record::Account {
            id: account_id("s"),
            parent: Some(account_id("t")),
            limits: limits(1, 2, 3),
        },
        Record::Closed { id: account_id("s") },
        Record::Held {
            id: id.clone(),
            hold: hold("s", 4, 5),
        },
        Record::Extended {
            id: id.clone(),
            by: amount(6, 7),
            calls: 8,
            expires_at: NOW,
        },
        Record::Reported {
            id: id.clone(),
            report: Report {
                number: 9,
                spent: amount(10, 11),
                beyond: amount(12, 13),
                unknown: amount(14, 15),
                returned: amount(16, 17),
                calls: 18,
            },
            at: NOW,
        },
        Record::Settled {
            id: id.clone(),
            actual: amount(300, 70_000),
            source: UsageSource::Unknown,
            at: NOW,
        },
        Record::Released { id: id.clone() },
        Record::Balance {
            account: account_id("t"),
            settled: amount(1, 2),
            overrun: amount(3, 4),
            unknown: amount(0, 1),
        },
        Record::Ended {
            ids: vec![id.clone()],
        },
        Record::SettledPartly {
            id,
            actual: amount(5, 6),
            unknown: amount(7, 8),
            at: NOW,
        },
        Record::Explained {
            account: account_id("t"),
            known: amount(9, 10),
            beyond: amount(11, 12),
            at: NOW,
        },
    ]
}

/// The bytes of [`samples`] in format 1, decoded for ever.
const FORMAT_1: [&str; 11] = [
    "01000173010174010101020103",
    "01010173",
    "01020272310173040501fca02c10000100",
    "0103027231060708fc40420f00",
    "0104027231090a0b0c0d0e0f101112fc40420f00",
    "0105027231fb2c01fc7011010002fc40420f00",
    "0106027231",
    "01070174010203040001",
    "010801027231",
    "010902723105060708fc40420f00",
    "010a0174090a0b0cfc40420f00",
];

#[test]
fn records_of_format_1_are_read_for_ever() {
    let encoded: Vec<String> = samples()
        .iter()
        .map(|record| {
            let mut bytes = Vec::new();
            record.encode_into(&mut bytes);
            assert_eq!(Record::decode(&bytes).unwrap(), *record);
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        })
        .collect();
    assert_eq!(encoded, FORMAT_1);
}

#[test]
fn what_is_not_a_record_is_refused() {
    assert!(matches!(Record::decode(&[]), Err(RecordError::Empty)));
    assert!(matches!(
        Record::decode(&[2, 1]),
        Err(RecordError::Format { found: 2 })
    ));
    assert!(matches!(Record::decode(&[1, 1]), Err(RecordError::Malformed(_))));
    let mut bytes = Vec::new();
    samples()[1].encode_into(&mut bytes);
    bytes.push(0);
    assert!(matches!(Record::decode(&bytes), Err(RecordError::Malformed(_))));
}
