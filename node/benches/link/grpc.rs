//! A unary call of tonic, with a message of bytes.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::{Result, ensure};
use http::uri::PathAndQuery;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

use super::{BODY, on_a_thread};

type Codec = ProstCodec<Vec<u8>, Vec<u8>>;

/// Answers with the question.
#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl Service<Request<Vec<u8>>> for Echo {
    type Response = Response<Vec<u8>>;
    type Error = Status;
    type Future = Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Vec<u8>>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Codec::default());
            Ok(grpc.unary(Echo, request).await)
        })
    }
}

/// Asks.
#[derive(Clone)]
pub(super) struct Caller(tonic::client::Grpc<Channel>);

impl Caller {
    pub(super) async fn connect() -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let root = Certificate::from_pem(authority.pem());
        let identity = || -> Result<Identity> {
            let key = KeyPair::generate()?;
            let params = CertificateParams::new(vec!["localhost".to_owned()])?;
            let certificate = params.signed_by(&key, &authority)?;
            Ok(Identity::from_pem(certificate.pem(), key.serialize_pem()))
        };
        let tls = ServerTlsConfig::new()
            .identity(identity()?)
            .client_ca_root(root.clone());
        let (sender, bound) = oneshot::channel();
        on_a_thread(move || serve(tls, sender))?;
        let tls = ClientTlsConfig::new()
            .ca_certificate(root)
            .identity(identity()?)
            .domain_name("localhost");
        let channel = Endpoint::from_shared(format!("https://{}", bound.await?))?
            .tcp_nodelay(true)
            .tls_config(tls)?
            .connect()
            .await?;
        Ok(Self(tonic::client::Grpc::new(channel)))
    }

    pub(super) async fn call(mut self) -> Result<()> {
        self.0.ready().await?;
        let path = PathAndQuery::from_static("/bench.Echo/Call");
        let question = Request::new(vec![7; BODY]);
        let answer = self.0.unary(question, path, Codec::default()).await?;
        ensure!(answer.into_inner().len() == BODY, "another answer");
        Ok(())
    }
}

async fn serve(tls: ServerTlsConfig, bound: oneshot::Sender<SocketAddr>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // The other side waits for it.
    let _ = bound.send(listener.local_addr()?);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .tls_config(tls)?
        .add_service(Echo)
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}
