//! Who gets through a handshake, and who does not.

use rustls::CertificateError::{self, Expired, NotValidYet, Other, UnknownIssuer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{Error, ProtocolVersion};

use super::forge::{dialler, issued_by, params};
use super::{DAY, Fixture, START, node, shake};
use crate::identity::{DirectoryError, IdentityError};

/// Why an accepting member or a dialling one refused.
fn refusal(result: Result<super::Pair, Error>) -> CertificateError {
    match result.err().expect("a refusal") {
        Error::InvalidCertificate(why) => why,
        other => panic!("refused for another reason: {other}"),
    }
}

fn identity_error(why: &CertificateError) -> IdentityError {
    let Other(other) = why else {
        panic!("not a reason of ours: {why:?}")
    };
    other
        .0
        .downcast_ref::<IdentityError>()
        .expect("a reason of ours")
        .clone()
}

#[test]
fn members_recognise_each_other_in_both_directions() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.member(1), fixture.member(2));
    let pair = shake(one.client(node(2)), two.server()).unwrap();
    assert_eq!(pair.client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(one.peer(pair.client.peer_certificates().unwrap()), Ok(node(2)));
    assert_eq!(two.peer(pair.server.peer_certificates().unwrap()), Ok(node(1)));
    assert!(shake(one.client_of_any(), two.server()).is_ok());
}

#[test]
fn a_member_other_than_the_one_dialled_is_refused() {
    let fixture = Fixture::new();
    let (one, three) = (fixture.member(1), fixture.member(3));
    let why = refusal(shake(one.client(node(2)), three.server()));
    let (wanted, found) = (node(2), node(3));
    assert_eq!(identity_error(&why), IdentityError::OtherNode { wanted, found });
}

#[test]
fn a_node_does_not_talk_to_itself() {
    let fixture = Fixture::new();
    let one = fixture.member(1);
    let why = refusal(shake(one.client_of_any(), one.server()));
    assert_eq!(identity_error(&why), IdentityError::Myself(node(1)));
    // and a second process with its certificate gets no further
    let forged = fixture.forge(params(&[fixture.name("eu", 1)]));
    let client = dialler(Some((vec![forged.certificate], &forged.key)));
    let why = refusal(shake(client, one.server()));
    assert_eq!(identity_error(&why), IdentityError::Myself(node(1)));
}

#[test]
fn strangers_are_refused_whichever_side_they_are_on() {
    let fixture = Fixture::new();
    let one = fixture.member(1);
    fixture.authority("us");
    fixture.issue("us", 2, "stranger").unwrap();
    let stranger = fixture.read("stranger").unwrap();
    assert_eq!(
        refusal(shake(one.client(node(2)), stranger.server())),
        UnknownIssuer
    );
    let forged = fixture.forge(params(&[fixture.name("eu", 2)]));
    let certificate = CertificateDer::from_pem_file(fixture.path("stranger/node.pem")).unwrap();
    assert_eq!(one.peer(&[certificate]), Err(IdentityError::Stranger));
    assert_eq!(one.peer(std::slice::from_ref(&forged.certificate)), Ok(node(2)));
    let self_made = issued_by(forged, params(&[fixture.name("eu", 2)]));
    let client = dialler(Some((vec![self_made.certificate], &self_made.key)));
    assert_eq!(refusal(shake(client, one.server())), UnknownIssuer);
}

#[test]
fn nobody_comes_in_without_a_certificate() {
    let fixture = Fixture::new();
    let one = fixture.member(1);
    let error = shake(dialler(None), one.server()).err();
    assert_eq!(error, Some(Error::NoCertificatesPresented));
    assert_eq!(one.peer(&[]), Err(IdentityError::Missing));
}

#[test]
fn another_cluster_of_the_same_authority_is_refused() {
    let fixture = Fixture::new();
    let one = fixture.member(1);
    let other = fixture.authority("us").cluster().id;
    let forged = fixture.forge(params(&[fixture.name("us", 2)]));
    let client = dialler(Some((vec![forged.certificate], &forged.key)));
    let why = refusal(shake(client, one.server()));
    assert_eq!(identity_error(&why), IdentityError::OtherCluster(other));
}

#[test]
fn a_certificate_names_exactly_one_node() {
    let fixture = Fixture::new();
    let one = fixture.member(1);
    let (two, three) = (fixture.name("eu", 2), fixture.name("eu", 3));
    for names in [
        vec![],
        vec![two.clone(), three],
        vec![format!("{two}/x")],
        vec![two.replace("atp:", "spiffe:")],
    ] {
        let forged = fixture.forge(params(&names));
        let client = dialler(Some((vec![forged.certificate], &forged.key)));
        let why = refusal(shake(client, one.server()));
        assert_eq!(identity_error(&why), IdentityError::Nameless, "{names:?}");
    }
}

#[test]
fn a_stolen_node_cannot_make_others() {
    let fixture = Fixture::new();
    let one = fixture.member(1);
    let stolen = fixture.forge(params(&[fixture.name("eu", 2)]));
    let stolen_certificate = stolen.certificate.clone();
    let made = issued_by(stolen, params(&[fixture.name("eu", 3)]));
    let chain = vec![made.certificate, stolen_certificate];
    let why = refusal(shake(dialler(Some((chain, &made.key))), one.server()));
    assert_eq!(why, CertificateError::BadEncoding);
}

#[test]
fn a_certificate_for_one_direction_is_not_good_for_the_other() {
    let fixture = Fixture::new();
    let one = fixture.member(1);
    let mut params = params(&[fixture.name("eu", 2)]);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let forged = fixture.forge(params);
    let client = dialler(Some((vec![forged.certificate], &forged.key)));
    assert_eq!(refusal(shake(client, one.server())), UnknownIssuer);
}

#[test]
fn a_certificate_ends_after_ninety_days() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.member(1), fixture.member(2));
    assert_eq!((one.days_left(), one.end().0), (90, START + 90 * DAY));
    fixture.wall.later(90 * DAY - 1);
    assert_eq!(one.days_left(), 0);
    assert!(shake(one.client(node(2)), two.server()).is_ok());
    fixture.wall.later(2_000);
    assert_eq!(refusal(shake(one.client(node(2)), two.server())), Expired);
    let expired = fixture.read("n1");
    assert!(matches!(
        expired,
        Err(DirectoryError::Certificate {
            source: IdentityError::Expired,
            ..
        })
    ));
}

#[test]
fn a_dialler_with_an_expired_certificate_is_refused() {
    let fixture = Fixture::new();
    let one = fixture.member(1);
    let mut params = params(&[fixture.name("eu", 2)]);
    params.not_after = rcgen::date_time_ymd(2026, 1, 1);
    let forged = fixture.forge(params);
    let client = dialler(Some((vec![forged.certificate], &forged.key)));
    assert_eq!(refusal(shake(client, one.server())), Expired);
}

#[test]
fn a_clock_that_is_late_by_an_hour_still_accepts_a_fresh_certificate() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.member(1), fixture.member(2));
    fixture.wall.later(0_u64.wrapping_sub(60 * 60 * 1_000));
    assert!(shake(one.client(node(2)), two.server()).is_ok());
    fixture.wall.later(0_u64.wrapping_sub(2_000));
    assert_eq!(refusal(shake(one.client(node(2)), two.server())), NotValidYet);
}

#[test]
fn a_second_connection_shows_its_certificate_again() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.member(1), fixture.member(2));
    let client = one.client(node(2));
    assert!(shake(client.clone(), two.server()).is_ok());
    fixture.wall.later(91 * DAY);
    assert_eq!(refusal(shake(client, two.server())), Expired);
}
