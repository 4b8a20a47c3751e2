//! Renewal while a node runs.

use std::fs;
use std::io::{Read, Write};
use std::sync::Arc;

use super::{DAY, Fixture, node, shake};
use crate::identity::{Look, Rotating};

fn rotating(fixture: &Fixture, number: u16) -> Rotating {
    fixture.member(number);
    Rotating::open(
        &fixture.path(&format!("n{number}")),
        Arc::clone(&fixture.wall) as Arc<_>,
    )
    .unwrap()
}

#[test]
fn a_renewed_certificate_is_taken_and_running_connections_stay() {
    let fixture = Fixture::new();
    let one = rotating(&fixture, 1);
    let two = fixture.member(2);
    let mut running = shake(one.current().client(node(2)), two.server()).unwrap();
    assert!(matches!(one.look(), Look::Same));

    fixture.wall.later(80 * DAY);
    fixture.issue("eu", 1, "n1").unwrap();
    assert!(matches!(one.look(), Look::Renewed(_)));
    assert!(matches!(one.look(), Look::Same));
    assert_eq!(one.current().days_left(), 90);
    fixture.issue("eu", 2, "n2").unwrap();
    let two = fixture.read("n2").unwrap();

    fixture.wall.later(20 * DAY);
    assert!(shake(one.current().client(node(2)), two.server()).is_ok());
    running.client.writer().write_all(b"still here").unwrap();
    let mut bytes = Vec::new();
    running.client.write_tls(&mut bytes).unwrap();
    running.server.read_tls(&mut &bytes[..]).unwrap();
    running.server.process_new_packets().unwrap();
    let mut read = [0; 10];
    running.server.reader().read_exact(&mut read).unwrap();
    assert_eq!(&read, b"still here");
}

#[test]
fn a_bad_file_is_told_once_and_changes_nothing() {
    let fixture = Fixture::new();
    let one = rotating(&fixture, 1);
    let before = one.current();
    for (file, text) in [("node.pem", "nonsense"), ("cluster.toml", "format = 9")] {
        fs::write(fixture.path("n1").join(file), text).unwrap();
        assert!(matches!(one.look(), Look::Unusable(_)));
        assert!(matches!(one.look(), Look::Same));
    }
    fs::remove_file(fixture.path("n1/node.key")).unwrap();
    assert!(matches!(one.look(), Look::Unusable(_)));
    assert!(matches!(one.look(), Look::Same));
    assert!(Arc::ptr_eq(&before, &one.current()));

    fs::remove_dir_all(fixture.path("n1")).unwrap();
    fixture.issue("eu", 1, "n1").unwrap();
    assert!(matches!(one.look(), Look::Renewed(_)));
}

#[test]
fn a_running_node_does_not_become_another() {
    let fixture = Fixture::new();
    let one = rotating(&fixture, 1);
    let before = one.current();
    fs::remove_dir_all(fixture.path("n1")).unwrap();
    fixture.issue("eu", 2, "n1").unwrap();
    assert!(matches!(one.look(), Look::Unusable(_)));
    assert!(Arc::ptr_eq(&before, &one.current()));
}
