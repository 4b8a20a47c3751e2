//! Decides whether a certificate is a member's, and which member's.

use std::fmt;

use atp_protocol::cluster::{ClusterId, NodeId};
use atp_protocol::units::UnixMillis;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::{IdentityError, Name};

/// What a node believes: the authority, which cluster it is of, and which node it is itself.
pub struct Trust {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) cluster: ClusterId,
    pub(super) node: NodeId,
}

/// Which side shows the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Who dialled.
    Dialler,
    /// Who accepted.
    Acceptor,
}

impl Trust {
    /// The member that the certificate is of: of this cluster and not this node; `wanted`, if anybody is.
    pub(super) fn member(
        &self,
        chain: &[CertificateDer<'_>],
        side: Side,
        wanted: Option<NodeId>,
        now: UnixTime,
    ) -> Result<NodeId, IdentityError> {
        let name = self.name(chain, side, now)?;
        if name.cluster != self.cluster {
            return Err(IdentityError::OtherCluster(name.cluster));
        }
        let found = name.node;
        if found == self.node {
            return Err(IdentityError::Myself(found));
        }
        match wanted {
            Some(wanted) if wanted != found => Err(IdentityError::OtherNode { wanted, found }),
            Some(_) | None => Ok(found),
        }
    }

    /// The name in a certificate that the authority issued and that is valid at `now`.
    ///
    /// A chain is one certificate: the authority issues to nodes directly, and a node's certificate can issue nothing.
    pub(super) fn name(
        &self,
        chain: &[CertificateDer<'_>],
        side: Side,
        now: UnixTime,
    ) -> Result<Name, IdentityError> {
        let certificate = match chain {
            [] => return Err(IdentityError::Missing),
            [certificate] => certificate,
            [_, _, ..] => return Err(IdentityError::Malformed),
        };
        let certificate = EndEntityCert::try_from(certificate).map_err(|_| IdentityError::Malformed)?;
        self.verify(&certificate, side, now)
            .map_err(|error| match error {
                webpki::Error::CertExpired { .. } => IdentityError::Expired,
                webpki::Error::CertNotValidYet { .. } => IdentityError::NotYetValid,
                _ => IdentityError::Stranger,
            })?;
        let mut names = certificate.valid_uri_names();
        match (names.next().map(str::parse), names.next()) {
            (Some(Ok(name)), None) => Ok(name),
            _ => Err(IdentityError::Nameless),
        }
    }

    /// When a certificate of the authority ends; `None` for any other.
    pub(super) fn end(&self, chain: &[CertificateDer<'_>]) -> Option<UnixMillis> {
        let certificate = EndEntityCert::try_from(chain.first()?).ok()?;
        // the verifier tells the end of a certificate that it finds expired, and at the end of time every one is
        let never = UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::MAX));
        match self.verify(&certificate, Side::Acceptor, never) {
            Err(webpki::Error::CertExpired { not_after, .. }) => {
                Some(UnixMillis(not_after.as_secs().saturating_mul(1_000)))
            }
            Ok(()) | Err(_) => None,
        }
    }

    fn verify(
        &self,
        certificate: &EndEntityCert<'_>,
        side: Side,
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let usage = match side {
            Side::Dialler => KeyUsage::client_auth(),
            Side::Acceptor => KeyUsage::server_auth(),
        };
        certificate
            .verify_for_usage(self.algorithms.all, &self.anchors, &[], now, usage, None, None)
            .map(|_| ())
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust(node {} of {})", self.node, self.cluster)
    }
}
