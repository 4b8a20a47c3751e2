//! An adapter for tests, on a loopback port.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use atp_protocol::adapter::Capability;
use atp_protocol::ids::AdapterId;
use futures_util::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tonic::metadata::MetadataMap;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use super::v1::adapter_service_server::{AdapterService, AdapterServiceServer};
use super::v1::{
    EstimateRequest, EstimateResponse, HealthRequest, HealthResponse, StreamChunk, StreamRequest,
};

/// What an operator says of the adapter.
pub(super) fn capability() -> Capability {
    Capability {
        capabilities: vec!["chat".to_owned()],
        models: vec!["m".to_owned()],
        estimate: true,
        ..Capability::new(AdapterId::new("remote").unwrap(), "grpc")
    }
}

/// What the adapter does next on a stream.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Sends a chunk.
    Chunk(StreamChunk),
    /// Ends with a status.
    Fail(tonic::Code, &'static str),
    /// Says nothing more.
    Stall,
}

/// A chunk of a type with counters `(in, out, micros)`.
pub(super) fn chunk(name: &str, content_json: &str, counters: (u64, u64, u64), more: bool) -> Step {
    Step::Chunk(StreamChunk {
        r#type: name.to_owned(),
        content_json: content_json.to_owned(),
        confidence: 0.0,
        partial_in_tokens: counters.0,
        partial_out_tokens: counters.1,
        partial_usd_micros: counters.2,
        more,
    })
}

/// An adapter that plays a script.
#[derive(Debug, Clone, Default)]
pub(super) struct Remote {
    pub(super) steps: Vec<Step>,
    pub(super) estimate: Option<EstimateResponse>,
    pub(super) health: HealthResponse,
    pub(super) seen: Arc<Seen>,
}

/// What the adapter was told.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) metadata: Mutex<MetadataMap>,
    pub(super) request: Mutex<Option<StreamRequest>>,
    /// Whether a stream was dropped before its script was over.
    pub(super) is_cancelled: AtomicBool,
    pub(super) cancelled: Notify,
}

#[tonic::async_trait]
impl AdapterService for Remote {
    async fn estimate(
        &self,
        request: Request<EstimateRequest>,
    ) -> Result<Response<EstimateResponse>, Status> {
        *self.seen.metadata.lock().unwrap() = request.metadata().clone();
        let estimate = self.estimate.clone();
        estimate
            .map(Response::new)
            .ok_or_else(|| Status::unimplemented("no estimates"))
    }

    type StreamStream = Script;

    async fn stream(&self, request: Request<StreamRequest>) -> Result<Response<Script>, Status> {
        *self.seen.metadata.lock().unwrap() = request.metadata().clone();
        *self.seen.request.lock().unwrap() = Some(request.into_inner());
        Ok(Response::new(Script {
            steps: self.steps.clone().into(),
            seen: self.seen.clone(),
        }))
    }

    async fn health(&self, request: Request<HealthRequest>) -> Result<Response<HealthResponse>, Status> {
        *self.seen.metadata.lock().unwrap() = request.metadata().clone();
        Ok(Response::new(self.health.clone()))
    }
}

/// A script being played.
pub(super) struct Script {
    steps: VecDeque<Step>,
    seen: Arc<Seen>,
}

impl Stream for Script {
    type Item = Result<StreamChunk, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(Step::Stall) = self.steps.front() {
            return Poll::Pending;
        }
        Poll::Ready(self.steps.pop_front().map(|step| match step {
            Step::Chunk(chunk) => Ok(chunk),
            Step::Fail(code, message) => Err(Status::new(code, message)),
            Step::Stall => unreachable!("handled above"),
        }))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !self.steps.is_empty() {
            self.seen.is_cancelled.store(true, Ordering::SeqCst);
            self.seen.cancelled.notify_one();
        }
    }
}

/// Serves `remote` on a free port while `test` runs with its address.
pub(super) async fn serve<T>(
    remote: Remote,
    tls: Option<ServerTlsConfig>,
    test: impl AsyncFnOnce(std::net::SocketAddr) -> T,
) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls).unwrap();
    }
    let serving = server
        .add_service(AdapterServiceServer::new(remote))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::select! {
        output = test(addr) => output,
        ended = serving => panic!("the server ended: {ended:?}"),
    }
}

/// Relays connections to `to`, one after the other, each until `cut`, while `test` runs with the relay's address.
pub(super) async fn relay<T>(
    to: std::net::SocketAddr,
    cut: &Notify,
    test: impl AsyncFnOnce(std::net::SocketAddr) -> T,
) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let relaying = async {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(to).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                () = cut.notified() => {}
            }
        }
    };
    tokio::select! {
        output = test(addr) => output,
        () = relaying => unreachable!("relays for ever"),
    }
}
