//! [`Trust`] as rustls asks for it, once for each direction.

use std::sync::Arc;

use atp_protocol::cluster::NodeId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use super::trust::Side;
use super::{IdentityError, Trust};

/// Whom a node believes, dialled or dialling: the member that is wanted, or any member.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) trust: Arc<Trust>,
    pub(super) wanted: Option<NodeId>,
}

impl Members {
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        side: Side,
        now: UnixTime,
    ) -> Result<(), Error> {
        if !others.is_empty() {
            return Err(refusal(IdentityError::Malformed));
        }
        let chain = std::slice::from_ref(certificate);
        let checked = self.trust.member(chain, side, self.wanted, now);
        checked.map(drop).map_err(refusal)
    }
}

/// The part that both directions of a verifier have in common: signatures of TLS 1.3 by the algorithms that `$of` gives.
macro_rules! signatures {
    ($of:expr) => {
        /// Never reached: both sides are configured for TLS 1.3 alone.
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("members speak TLS 1.3".to_owned()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            rustls::crypto::verify_tls13_signature(message, certificate, signed, &$of(self))
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            $of(self).supported_schemes()
        }
    };
}

#[cfg(test)]
pub(super) use signatures;

fn algorithms(members: &Members) -> WebPkiSupportedAlgorithms {
    members.trust.algorithms
}

impl ClientCertVerifier for Members {
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
        self.check(certificate, others, Side::Dialler, now)?;
        Ok(ClientCertVerified::assertion())
    }

    signatures!(algorithms);
}

impl ServerCertVerifier for Members {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(certificate, others, Side::Acceptor, now)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures!(algorithms);
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
