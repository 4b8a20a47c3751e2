//! From a socket to a connection: TLS with the certificates of both sides, then the hellos.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Code, Frame, FrameError, Hello, Lane, Limits, Refusal, Side, decode, encode};
use bytes::BytesMut;
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::server::StartHandshake;

use super::connection::{Connection, Pump, Terms};
use super::handle::Shared;
use super::services::Services;
use crate::environment::{ByteStream, Socket};
use crate::identity::{Address, Credentials, IdentityError};

/// Longest first frame, in bytes: a hello, or a goodbye with its text.
const FIRST_MAX: usize = 2 * 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    /// Nobody knows its address any more.
    #[error("it is no member")]
    NoMember,
    /// Not in time.
    #[error("no answer in time")]
    Timeout,
    /// Socket or TLS failed; an alert means that the other side refuses this node's certificate.
    #[error("{0}")]
    Io(io::Error),
    /// The certificate is not that of a member, or not of the one that was meant.
    #[error("its certificate is refused: {0}")]
    Stranger(String),
    /// What came is no frame.
    #[error("it does not speak our link: {0}")]
    Frame(#[from] FrameError),
    /// The other side refused.
    #[error("it refuses the connection: {0}")]
    Refused(Refusal),
    /// The other side says something else than hello, or to somebody else.
    #[error("it answers with another hello")]
    Mistaken,
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        // TLS says only that it was refused; the reason is inside.
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(CertificateError::Other(why))) => {
                Self::Stranger(why.0.to_string())
            }
            _ => Self::Io(error),
        }
    }
}

impl From<IdentityError> for HandshakeError {
    fn from(error: IdentityError) -> Self {
        Self::Stranger(error.to_string())
    }
}

/// Dials `member` at `address`.
pub(super) async fn dial(
    shared: &Arc<Shared>,
    member: NodeId,
    address: &Address,
    lane: Lane,
) -> Result<(Arc<Connection>, Pump<impl ByteStream + use<>>), HandshakeError> {
    let dialling = async {
        let socket = shared.network.connect(&address.to_string()).await?;
        let credentials = shared.identity.current();
        let mut config = (*credentials.client(member)).clone();
        config.alpn_protocols = vec![lane.alpn().to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let mut tls = connector.connect(Credentials::server_name(), socket).await?;
        let ours = Hello {
            lane,
            node: member,
            window: Limits::of(lane).window,
        };
        say(&mut tls, &Frame::Hello(ours)).await?;
        let mut input = BytesMut::new();
        let theirs = hear(&mut tls, &mut input).await?;
        if (theirs.lane, theirs.node) != (lane, member) {
            return Err(HandshakeError::Mistaken);
        }
        let terms = shared.terms(member, lane, Side::Dialled, theirs.window);
        let connection = Connection::new(terms, Arc::clone(&shared.clock), shared.meter.link.of(lane));
        let pump = Pump::new(Arc::clone(&connection), tls, input, None);
        Ok((connection, pump))
    };
    let dialled = tokio::time::timeout(shared.settings.handshake, dialling).await;
    dialled.unwrap_or(Err(HandshakeError::Timeout))
}

/// Takes a connection whose TLS hello was read and asked for `lane`.
pub(super) async fn accept(
    shared: &Arc<Shared>,
    start: StartHandshake<Box<dyn Socket>>,
    lane: Lane,
    services: Rc<dyn Services>,
) -> Result<(Arc<Connection>, Pump<impl ByteStream + use<>>), HandshakeError> {
    let accepting = async {
        let credentials = shared.identity.current();
        let mut config = (*credentials.server()).clone();
        config.alpn_protocols = vec![lane.alpn().to_vec()];
        let mut tls = start.into_stream(Arc::new(config)).await?;
        let chain: &[CertificateDer<'_>] = tls.get_ref().1.peer_certificates().unwrap_or_default();
        let member = credentials.peer(chain)?;
        let mut input = BytesMut::new();
        let theirs = match hear(&mut tls, &mut input).await {
            Err(error @ HandshakeError::Frame(_)) => {
                let text = format!("node {} cannot read the hello: {error}", shared.node);
                return Err(refuse(&mut tls, text, error).await);
            }
            heard => heard?,
        };
        if (theirs.lane, theirs.node) != (lane, shared.node) {
            let text = format!(
                "node {} on the {lane} lane; the hello is for another",
                shared.node
            );
            return Err(refuse(&mut tls, text, HandshakeError::Mistaken).await);
        }
        let ours = Hello {
            lane,
            node: shared.node,
            window: Limits::of(lane).window,
        };
        say(&mut tls, &Frame::Hello(ours)).await?;
        let terms = shared.terms(member, lane, Side::Accepted, theirs.window);
        let connection = Connection::new(terms, Arc::clone(&shared.clock), shared.meter.link.of(lane));
        let pump = Pump::new(Arc::clone(&connection), tls, input, Some(services));
        Ok((connection, pump))
    };
    let accepted = tokio::time::timeout(shared.settings.handshake, accepting).await;
    accepted.unwrap_or(Err(HandshakeError::Timeout))
}

impl Shared {
    fn terms(&self, member: NodeId, lane: Lane, side: Side, their_window: u32) -> Terms {
        Terms {
            member,
            lane,
            side,
            their_window,
            silence: self.settings.silence,
        }
    }
}

async fn say(io: &mut (impl ByteStream + ?Sized), frame: &Frame<&[u8]>) -> io::Result<()> {
    let mut out = BytesMut::new();
    encode(frame, &mut out);
    io.write_all(&out).await?;
    io.flush().await
}

/// Tells the other side why, and returns `error`.
async fn refuse(io: &mut impl ByteStream, text: String, error: HandshakeError) -> HandshakeError {
    let refusal = Refusal::new(Code::MISTAKEN, text);
    // The other side may have gone; the error is ours to tell all the same.
    let _ = say(io, &Frame::Goodbye { refusal }).await;
    let _ = io.shutdown().await;
    error
}

/// The hello of the other side; what follows it is left in `input`.
async fn hear(io: &mut impl ByteStream, input: &mut BytesMut) -> Result<Hello, HandshakeError> {
    loop {
        match decode(input)? {
            Some(Frame::Hello(hello)) => return Ok(hello),
            Some(Frame::Goodbye { refusal }) => return Err(HandshakeError::Refused(refusal)),
            Some(_) => return Err(HandshakeError::Mistaken),
            None if input.len() > FIRST_MAX => return Err(HandshakeError::Mistaken),
            None => {}
        }
        if io.read_buf(input).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}
