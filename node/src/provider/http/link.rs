//! One connection and the future that drives it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Fuse, FusedFuture};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};

use super::Io;

pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    connection: Fuse<Connection<Box<dyn Io>, Full<Bytes>>>,
}

impl Link {
    pub(super) async fn open(io: Box<dyn Io>) -> hyper::Result<Self> {
        let (sender, connection) = Builder::new().handshake(io).await?;
        Ok(Self {
            sender,
            connection: connection.fuse(),
        })
    }

    /// Lets the connection read and write. How it ends shows in the reply and in [`Self::is_reusable`].
    fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.connection.is_terminated() {
            let _ = self.connection.poll_unpin(cx);
        }
    }

    /// Whether the next request can be sent, as far as this side can know.
    pub(super) fn is_reusable(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        !self.connection.is_terminated() && self.sender.is_ready()
    }

    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let mut response = pin!(self.sender.send_request(request));
        let connection = &mut self.connection;
        poll_fn(|cx| {
            if !connection.is_terminated() {
                let _ = connection.poll_unpin(cx);
            }
            response.as_mut().poll(cx)
        })
        .await
    }

    /// Next frame of a body that comes over this connection.
    pub(super) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let mut body = std::pin::Pin::new(body);
        if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.drive(cx);
        body.poll_frame(cx)
    }
}
