//! A keep-alive HTTP/1.1 connection that comes back after it was closed.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::{Call, Failure};

/// A request that takes longer has failed.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Sends one request at a time. Runs inside a `LocalSet`.
#[derive(Debug)]
pub struct Connection {
    call: Call,
    source: Option<Ipv4Addr>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// Connects on first use, from `source` if given: a loopback address of its own has ports of its own.
    pub fn new(call: Call, source: Option<Ipv4Addr>) -> Self {
        Self {
            call,
            source,
            sender: None,
        }
    }

    /// Connects unless connected, so that the next request does not pay for it.
    pub async fn connect(&mut self) -> Result<(), Failure> {
        self.sender().await.map(|_| ())
    }

    /// Asks for `call` from here on. It must be for the same server: the connection stays.
    pub fn ask(&mut self, call: Call) {
        self.call = call;
    }

    /// Sends the request and returns at the head of a 2xx. Any other answer is read to its end and is a failure.
    pub async fn send(&mut self) -> Result<Response<Incoming>, Failure> {
        let request = self.call.request();
        let sender = self.sender().await?;
        let response =
            within(async { sender.send_request(request).await.map_err(|_| Failure::Broken) }).await;
        match response {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => {
                let status = response.status().as_u16();
                // Read to the end, the connection serves again.
                within(async { response.into_body().collect().await.map_err(|_| Failure::Broken) }).await?;
                Err(Failure::Status(status))
            }
            Err(failure) => {
                self.sender = None;
                Err(failure)
            }
        }
    }

    /// Sends the request and reads the whole answer.
    pub async fn exchange(&mut self) -> Result<Bytes, Failure> {
        let body = self.send().await?.into_body();
        let collected = within(async { body.collect().await.map_err(|_| Failure::Broken) }).await;
        if collected.is_err() {
            self.sender = None;
        }
        Ok(collected?.to_bytes())
    }

    async fn sender(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Failure> {
        let usable = match &mut self.sender {
            Some(sender) => within(async { sender.ready().await.map_err(|_| Failure::Broken) })
                .await
                .is_ok(),
            None => false,
        };
        if !usable {
            self.sender = Some(within(dial(self.call.address, self.source)).await?);
        }
        Ok(self.sender.as_mut().expect("connected above"))
    }
}

async fn within<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(TIME_LIMIT, work).await.unwrap_or(Err(Failure::Timeout))
}

async fn dial(address: SocketAddr, source: Option<Ipv4Addr>) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    let socket = socket.map_err(|_| Failure::Connect)?;
    if let Some(source) = source {
        socket
            .bind(SocketAddr::new(IpAddr::V4(source), 0))
            .map_err(|_| Failure::Connect)?;
    }
    let stream = socket.connect(address).await.map_err(|_| Failure::Connect)?;
    stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Failure::Connect)?;
    // What ends the connection is reported to the request that was under way.
    spawn_local(async { connection.await.ok() });
    Ok(sender)
}
