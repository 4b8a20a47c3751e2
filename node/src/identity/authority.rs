//! The cluster's authority: a directory of the operator, never on a node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use atp_actors::environment::Random;
use atp_protocol::cluster::{ClusterId, NodeId};
use atp_protocol::units::UnixMillis;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use zeroize::Zeroizing;

use super::files::{self, AUTHORITY, AUTHORITY_KEY, CERTIFICATE, CLUSTER, KEY};
use super::{Cluster, DirectoryError, Membership, Name};

/// How long a node's certificate is valid.
pub const LIFETIME_DAYS: u64 = 90;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Certificates begin this long before they are made, for clocks of nodes that are late.
const HEAD_START: Duration = Duration::from_secs(60 * 60);

/// Who issues the certificates of one cluster.
pub struct Authority {
    cluster: Cluster,
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issued {
    /// When the certificate ends.
    pub end: UnixMillis,
    /// The directory was this node's before.
    pub is_renewal: bool,
}

impl Authority {
    /// Makes a cluster in `directory`, which is made if missing: `ca.pem`, `ca.key`, `cluster.toml`.
    ///
    /// # Errors
    /// [`DirectoryError::Taken`] when there is an authority, or part of one; others as they say.
    pub fn create(
        directory: &Path,
        name: &str,
        journals: u16,
        first: NodeId,
        random: &dyn Random,
    ) -> Result<Self, DirectoryError> {
        let mut bits = [0; 16];
        random.fill(&mut bits);
        let cluster = Cluster {
            id: ClusterId::new(bits),
            name: name.to_owned(),
            journals,
            first,
        };
        let path = |file: &str| directory.join(file);
        cluster.check().map_err(|reason| DirectoryError::Malformed {
            path: path(CLUSTER),
            reason,
        })?;
        for file in [AUTHORITY, AUTHORITY_KEY, CLUSTER, CERTIFICATE, KEY] {
            if files::exists(&path(file))? {
                return Err(DirectoryError::Taken {
                    path: path(file),
                    found: "a cluster that was made before".to_owned(),
                    wanted: "one yet to be made".to_owned(),
                });
            }
        }
        let key = KeyPair::generate().expect("ring makes P-256 keys");
        let params = authority_params(cluster.id);
        let certificate = params.self_signed(&key).expect("well-formed parameters").pem();
        files::make_directory(directory)?;
        files::write_key(&path(AUTHORITY_KEY), &Zeroizing::new(key.serialize_pem()))?;
        files::write_text(&path(AUTHORITY), &certificate)?;
        // last: a directory without it is not an authority
        files::write_text(&path(CLUSTER), &cluster.text())?;
        Ok(Self {
            cluster,
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    /// Opens what [`Self::create`] made.
    ///
    /// # Errors
    /// [`DirectoryError`] naming the file at fault.
    pub fn open(directory: &Path) -> Result<Self, DirectoryError> {
        let cluster = Cluster::read(&directory.join(CLUSTER))?;
        let path = directory.join(AUTHORITY);
        let certificate = files::read_text(&path)?;
        files::certificates(&path, &certificate)?;
        let path = directory.join(AUTHORITY_KEY);
        let key = KeyPair::from_pem(&files::read_key(&path)?).map_err(|_| DirectoryError::Malformed {
            path,
            reason: "holds no private key in PEM".to_owned(),
        })?;
        Ok(Self {
            issuer: Issuer::new(authority_params(cluster.id), key),
            cluster,
            certificate,
        })
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Issues a certificate for `member` with a key of its own into `directory`, or renews the one there. `now` is when.
    ///
    /// # Errors
    /// [`DirectoryError::Taken`] when the directory is another node's; others as they say.
    pub fn issue(
        &self,
        member: &Membership,
        directory: &Path,
        now: UnixMillis,
    ) -> Result<Issued, DirectoryError> {
        debug_assert_eq!(member.cluster, self.cluster, "a member of this cluster");
        let is_renewal = self.is_renewal(member, directory)?;
        let (params, end) = self.node_params(member.node, now);
        let key = KeyPair::generate().expect("ring makes P-256 keys");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("well-formed parameters");
        files::make_directory(directory)?;
        let path = |file: &str| -> PathBuf { directory.join(file) };
        files::write_text(&path(CLUSTER), &member.text())?;
        files::write_text(&path(AUTHORITY), &self.certificate)?;
        // One after the other: a node that looks in between finds a pair that does not fit, keeps what it has and looks again.
        files::write_key(&path(KEY), &Zeroizing::new(key.serialize_pem()))?;
        files::write_text(&path(CERTIFICATE), &certificate.pem())?;
        Ok(Issued { end, is_renewal })
    }

    /// Whether the directory is the member's already; an error when it is somebody else's.
    fn is_renewal(&self, member: &Membership, directory: &Path) -> Result<bool, DirectoryError> {
        let taken = |found: String| DirectoryError::Taken {
            path: directory.to_owned(),
            found,
            wanted: described(member),
        };
        if files::exists(&directory.join(AUTHORITY_KEY))? {
            return Err(taken("an authority".to_owned()));
        }
        let path = directory.join(CLUSTER);
        if !files::exists(&path)? {
            return match files::exists(&directory.join(KEY))? {
                true => Err(taken("somebody unknown".to_owned())),
                false => Ok(false),
            };
        }
        let found = Membership::read(directory)?;
        match found.cluster == self.cluster && found.node == member.node {
            true => Ok(true),
            false => Err(taken(described(&found))),
        }
    }

    fn node_params(&self, node: NodeId, now: UnixMillis) -> (CertificateParams, UnixMillis) {
        let cluster = self.cluster.id;
        let mut params = blank(&format!("node {node} of {}", self.cluster.name));
        let name = Name { cluster, node }.to_string();
        params.subject_alt_names = vec![SanType::URI(name.try_into().expect("ASCII"))];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        let now = Duration::from_secs(now.0 / 1_000);
        let end = now + DAY * u32::try_from(LIFETIME_DAYS).expect("a small number");
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + now.saturating_sub(HEAD_START);
        params.not_after = epoch + end;
        (params, UnixMillis(end.as_secs() * 1_000))
    }
}

/// The authority's own certificate has no end: nobody looks at it, because members trust its key.
fn authority_params(cluster: ClusterId) -> CertificateParams {
    let mut params = blank(&format!("authority of {cluster}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    // "no well-defined expiration date", RFC 5280 section 4.1.2.5
    params.not_after = date_time_ymd(9999, 12, 31);
    params
}

fn blank(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn described(member: &Membership) -> String {
    format!("node {} of cluster {}", member.node, member.cluster.id)
}
