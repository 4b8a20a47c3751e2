//! Certificates that the authority would never issue, with its own key.

use std::fs;
use std::sync::Arc;

use atp_protocol::cluster::NodeId;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::Fixture;
use crate::identity::Name;
use crate::identity::verifier::signatures;

/// A certificate and its key.
pub(super) struct Forged {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: KeyPair,
    params: CertificateParams,
}

/// The parameters of a certificate of a node, before somebody changes them.
pub(super) fn params(names: &[String]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names
        .iter()
        .map(|name| SanType::URI(name.as_str().try_into().unwrap()))
        .collect();
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    params
}

impl Fixture {
    pub(super) fn name(&self, cluster: &str, number: u16) -> String {
        let cluster = super::Authority::open(&self.path(cluster)).unwrap().cluster().id;
        let node = NodeId::new(number).unwrap();
        Name { cluster, node }.to_string()
    }

    /// Signs with the key of the authority of `eu`.
    pub(super) fn forge(&self, params: CertificateParams) -> Forged {
        let key = fs::read_to_string(self.path("eu/ca.key")).unwrap();
        let mut authority = CertificateParams::default();
        authority.distinguished_name = rcgen::DistinguishedName::new();
        let cluster = super::Authority::open(&self.path("eu")).unwrap().cluster().id;
        let name = format!("authority of {cluster}");
        authority.distinguished_name.push(rcgen::DnType::CommonName, name);
        sign(params, &Issuer::new(authority, KeyPair::from_pem(&key).unwrap()))
    }
}

/// Signs with a key that only has a node's certificate.
pub(super) fn issued_by(issuer: Forged, params: CertificateParams) -> Forged {
    sign(params, &Issuer::new(issuer.params, issuer.key))
}

fn sign(mut params: CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Forged {
    params.is_ca = IsCa::NoCa;
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
    Forged {
        certificate,
        key,
        params,
    }
}

/// A dialler with any certificates, or none, who believes every certificate.
pub(super) fn dialler(shown: Option<(Vec<CertificateDer<'static>>, &KeyPair)>) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believer));
    Arc::new(match shown {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    })
}

#[derive(Debug)]
struct Believer;

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    signatures!(algorithms);
}

fn algorithms(_: &Believer) -> WebPkiSupportedAlgorithms {
    rustls::crypto::ring::default_provider().signature_verification_algorithms
}
