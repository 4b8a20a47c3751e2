//! [`Trust`] as rustls asks for it, once for each direction.

use std::sync::Arc;

use atp_protocol::cluster::NodeId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::verify_tls13_signature;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use super::trust::Side;
use super::{IdentityError, Trust};

/// Whom an accepting node lets in: any member.
#[derive(Debug)]
pub(super) struct Diallers(pub(super) Arc<Trust>);

/// Whom a dialling node believes: the member it means, or any member.
#[derive(Debug)]
pub(super) struct Acceptors {
    pub(super) trust: Arc<Trust>,
    pub(super) wanted: Option<NodeId>,
}

impl ClientCertVerifier for Diallers {
    /// No hints: a node has one certificate.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        checked(&self.0, certificate, others, Side::Dialler, None, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Acceptors {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        checked(&self.trust, certificate, others, Side::Acceptor, self.wanted, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.trust.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}

fn checked(
    trust: &Trust,
    certificate: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    side: Side,
    wanted: Option<NodeId>,
    now: UnixTime,
) -> Result<NodeId, Error> {
    if !others.is_empty() {
        return Err(refusal(IdentityError::Malformed));
    }
    trust
        .member(std::slice::from_ref(certificate), side, wanted, now)
        .map_err(refusal)
}

/// The error decides which alert the other side sees.
fn refusal(error: IdentityError) -> Error {
    Error::InvalidCertificate(match error {
        IdentityError::Expired => CertificateError::Expired,
        IdentityError::NotYetValid => CertificateError::NotValidYet,
        IdentityError::Malformed => CertificateError::BadEncoding,
        IdentityError::Stranger => CertificateError::UnknownIssuer,
        IdentityError::Missing
        | IdentityError::Nameless
        | IdentityError::OtherCluster(_)
        | IdentityError::Myself(_)
        | IdentityError::OtherNode { .. } => CertificateError::Other(OtherError(Arc::new(error))),
    })
}

/// Never reached: both sides are configured for TLS 1.3 alone.
fn too_old() -> Error {
    Error::General("members speak TLS 1.3".to_owned())
}
