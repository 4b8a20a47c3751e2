//! What an authority writes, and what it leaves alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::{Fixture, node};
use crate::identity::{Authority, DirectoryError};

#[test]
fn keys_are_for_their_owner_alone() {
    let fixture = Fixture::new();
    fixture.member(1);
    let mode = |file: &str| fs::metadata(fixture.path(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("eu/ca.key"), mode("n1/node.key")), (0o600, 0o600));
    assert_eq!((mode("eu"), mode("n1")), (0o700, 0o700));
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let fixture = Fixture::new();
    fixture.member(1);
    for key in ["n1/node.key", "eu/ca.key"] {
        fs::set_permissions(fixture.path(key), Permissions::from_mode(0o640)).unwrap();
    }
    let loose = |error| matches!(error, Some(DirectoryError::Loose { .. }));
    assert!(loose(fixture.read("n1").err()));
    assert!(loose(Authority::open(&fixture.path("eu")).err()));
}

#[test]
fn a_node_reads_what_it_was_told() {
    let fixture = Fixture::new();
    let read = fixture.member(7);
    let membership = read.membership();
    assert_eq!(membership.node, node(7));
    assert_eq!(membership.address.to_string(), "10.0.0.1:7444");
    let cluster = &membership.cluster;
    assert_eq!(
        (cluster.name.as_str(), cluster.journals, cluster.first),
        ("eu", 8, node(1))
    );
}

#[test]
fn a_cluster_is_made_once() {
    let fixture = Fixture::new();
    let key = fs::read(fixture.path("eu/ca.key")).unwrap();
    let again = Authority::create(&fixture.path("eu"), "eu", 8, node(1), &fixture.random);
    assert!(matches!(again, Err(DirectoryError::Taken { .. })));
    // not even over a part of one
    fs::remove_file(fixture.path("eu/cluster.toml")).unwrap();
    let again = Authority::create(&fixture.path("eu"), "eu", 8, node(1), &fixture.random);
    assert!(matches!(again, Err(DirectoryError::Taken { .. })));
    assert_eq!(fs::read(fixture.path("eu/ca.key")).unwrap(), key);
}

#[test]
fn a_cluster_has_a_plain_name_and_some_journals() {
    let fixture = Fixture::new();
    for (name, journals) in [("", 8), ("Eu", 8), ("a/b", 8), ("eu", 0), ("eu", 65)] {
        let made = Authority::create(&fixture.path("x"), name, journals, node(1), &fixture.random);
        assert!(matches!(made, Err(DirectoryError::Malformed { .. })), "{name}");
        assert!(!fixture.path("x").exists());
    }
}

#[test]
fn a_directory_stays_with_its_node_and_cluster() {
    let fixture = Fixture::new();
    fixture.member(1);
    fixture.authority("us");
    let before = fs::read(fixture.path("n1/node.key")).unwrap();
    for (cluster, number, directory) in [("eu", 2, "n1"), ("us", 1, "n1"), ("eu", 1, "us")] {
        let issued = fixture.issue(cluster, number, directory);
        assert!(
            matches!(issued, Err(DirectoryError::Taken { .. })),
            "{cluster} {number} {directory}"
        );
    }
    assert_eq!(fs::read(fixture.path("n1/node.key")).unwrap(), before);
    assert!(!fixture.path("us/node.key").exists());
}

#[test]
fn a_certificate_of_another_key_or_node_is_refused() {
    let fixture = Fixture::new();
    fixture.member(1);
    fixture.member(2);
    fs::copy(fixture.path("n2/node.key"), fixture.path("n1/node.key")).unwrap();
    assert!(matches!(
        fixture.read("n1"),
        Err(DirectoryError::Malformed { .. })
    ));
    fs::copy(fixture.path("n2/node.pem"), fixture.path("n1/node.pem")).unwrap();
    assert!(matches!(
        fixture.read("n1"),
        Err(DirectoryError::Certificate { .. })
    ));
}

#[test]
fn a_file_that_is_something_else_is_an_error_that_names_it() {
    let fixture = Fixture::new();
    for file in ["ca.pem", "node.pem", "node.key", "cluster.toml"] {
        fixture.member(1);
        let path = fixture.path("n1").join(file);
        for wrong in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n", "format = 2"] {
            fs::write(&path, wrong).unwrap();
            let error = fixture.read("n1").expect_err("an unusable file");
            assert!(error.to_string().contains(file), "{error}");
        }
        fs::write(&path, vec![b'a'; 1 << 20]).unwrap();
        let error = fixture.read("n1").expect_err("a file beyond the bound");
        assert!(error.to_string().contains("longer than"), "{error}");
        fs::remove_dir_all(fixture.path("n1")).unwrap();
    }
}
