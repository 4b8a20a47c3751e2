//! What a node shows and demands on the link: TLS 1.3, mutual, of one cluster.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::environment::Clock;
use atp_protocol::cluster::NodeId;
use atp_protocol::units::UnixMillis;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ServerConfig};
use zeroize::Zeroizing;

use super::files::{self, AUTHORITY, CERTIFICATE, CLUSTER, KEY};
use super::trust::Side;
use super::verifier::Members;
use super::{DirectoryError, IdentityError, Membership, Name, Trust};

/// A node's certificate and key, and whom it believes. Never changes; see [`super::Rotating`].
pub struct Credentials {
    membership: Membership,
    trust: Arc<Trust>,
    end: UnixMillis,
    wall: Arc<Wall>,
    provider: Arc<CryptoProvider>,
    shown: Arc<SingleCertAndKey>,
    server: Arc<ServerConfig>,
}

/// The texts of a node's directory. Equal ones make equal credentials.
#[derive(PartialEq, Eq)]
pub(super) struct Texts {
    cluster: String,
    authority: String,
    certificate: String,
    key: Zeroizing<String>,
}

impl Texts {
    /// Reads the four files. A key that others may read is refused.
    pub(super) fn read(directory: &Path) -> Result<Self, DirectoryError> {
        Ok(Self {
            cluster: files::read_text(&directory.join(CLUSTER))?,
            authority: files::read_text(&directory.join(AUTHORITY))?,
            certificate: files::read_text(&directory.join(CERTIFICATE))?,
            key: files::read_key(&directory.join(KEY))?,
        })
    }
}

impl Credentials {
    /// Reads a node's directory, as `atpctl cluster join` writes it. `clock` says what has expired, here and in handshakes.
    ///
    /// # Errors
    /// [`DirectoryError`] naming the file at fault, also when the certificate has expired or is another node's.
    pub fn read(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, DirectoryError> {
        Self::new(directory, &Texts::read(directory)?, clock)
    }

    /// `directory` is named in errors only.
    pub(super) fn new(
        directory: &Path,
        texts: &Texts,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DirectoryError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let wall = Arc::new(Wall(clock));
        let membership = Membership::parse(&directory.join(CLUSTER), &texts.cluster)?;
        let trust = Arc::new(trust(directory, &texts.authority, &membership, &provider)?);
        let path = directory.join(CERTIFICATE);
        let chain = files::certificates(&path, &texts.certificate)?;
        let end = own(&trust, &membership, &chain, wall.now())
            .map_err(|source| DirectoryError::Certificate { path, source })?;
        let path = directory.join(KEY);
        let key = files::private_key(&path, &texts.key)?;
        let shown =
            CertifiedKey::from_der(chain, key, &provider).map_err(|error| DirectoryError::Malformed {
                path,
                reason: format!("does not belong to {CERTIFICATE} ({error}); issue both again"),
            })?;
        let shown = Arc::new(SingleCertAndKey::from(shown));
        let server = server(&provider, &wall, &trust, &shown);
        Ok(Self {
            membership,
            trust,
            end,
            wall,
            provider,
            shown,
            server,
        })
    }

    /// Which node of which cluster.
    #[must_use]
    pub const fn membership(&self) -> &Membership {
        &self.membership
    }

    /// For accepting: any other member of the cluster may come in, and nobody else.
    #[must_use]
    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// For dialling `expect`: whoever else answers is refused.
    #[must_use]
    pub fn client(&self, expect: NodeId) -> Arc<ClientConfig> {
        self.dialling(Some(expect))
    }

    /// For dialling a seed, where any other member may answer.
    #[must_use]
    pub fn client_of_any(&self) -> Arc<ClientConfig> {
        self.dialling(None)
    }

    /// A name for the handshake, as rustls wants one. It is neither sent nor looked at.
    #[must_use]
    pub fn server_name() -> ServerName<'static> {
        ServerName::try_from("member.invalid").expect("a valid name")
    }

    /// The member at the other end of a connection, from the certificates it has shown.
    ///
    /// # Errors
    /// [`IdentityError`] when the certificate is not, or not any more, that of another member.
    pub fn peer(&self, chain: &[CertificateDer<'_>]) -> Result<NodeId, IdentityError> {
        // a certificate of ours serves both directions, so that either side's check does
        self.trust.member(chain, Side::Dialler, None, self.wall.now())
    }

    /// When the certificate ends.
    #[must_use]
    pub const fn end(&self) -> UnixMillis {
        self.end
    }

    /// Whole days until then; 0 when it is over.
    #[must_use]
    pub fn days_left(&self) -> u64 {
        self.end.0.saturating_sub(self.wall.0.unix().0) / (24 * 60 * 60 * 1_000)
    }

    fn dialling(&self, wanted: Option<NodeId>) -> Arc<ClientConfig> {
        let verifier = Members {
            trust: Arc::clone(&self.trust),
            wanted,
        };
        let (provider, wall) = (Arc::clone(&self.provider), Arc::clone(&self.wall));
        let mut config = ClientConfig::builder_with_details(provider, wall)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring speaks TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::clone(&self.shown) as Arc<_>);
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?})", self.trust)
    }
}

fn trust(
    directory: &Path,
    authority: &str,
    membership: &Membership,
    provider: &CryptoProvider,
) -> Result<Trust, DirectoryError> {
    let path = directory.join(AUTHORITY);
    let anchors: Result<Vec<_>, _> = files::certificates(&path, authority)?
        .iter()
        .map(|root| webpki::anchor_from_trusted_cert(root).map(|anchor| anchor.to_owned()))
        .collect();
    Ok(Trust {
        anchors: anchors.map_err(|error| DirectoryError::Malformed {
            path,
            reason: format!("is not an authority's certificate: {error}"),
        })?,
        algorithms: provider.signature_verification_algorithms,
        cluster: membership.cluster.id,
        node: membership.node,
    })
}

/// The end of the node's own certificate, if others will believe it.
fn own(
    trust: &Trust,
    membership: &Membership,
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<UnixMillis, IdentityError> {
    let name = trust.name(chain, Side::Acceptor, now)?;
    let (wanted, cluster) = (membership.node, membership.cluster.id);
    if name.cluster != cluster {
        return Err(IdentityError::OtherCluster(name.cluster));
    }
    if name
        != (Name {
            cluster,
            node: wanted,
        })
    {
        let found = name.node;
        return Err(IdentityError::OtherNode { wanted, found });
    }
    trust.end(chain).ok_or(IdentityError::Stranger)
}

/// Sessions are not resumed in either direction: a resumed one would not look at certificates again.
fn server(
    provider: &Arc<CryptoProvider>,
    wall: &Arc<Wall>,
    trust: &Arc<Trust>,
    shown: &Arc<SingleCertAndKey>,
) -> Arc<ServerConfig> {
    let anybody = Members {
        trust: Arc::clone(trust),
        wanted: None,
    };
    let mut config = ServerConfig::builder_with_details(Arc::clone(provider), Arc::clone(wall) as Arc<_>)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring speaks TLS 1.3")
        .with_client_cert_verifier(Arc::new(anybody))
        .with_cert_resolver(Arc::clone(shown) as Arc<_>);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

/// The environment's clock as rustls asks for it.
struct Wall(Arc<dyn Clock>);

impl Wall {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_millis(self.0.unix().0))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wall")
    }
}

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.now())
    }
}
