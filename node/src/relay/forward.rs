//! Sending a request to its owner.

use std::rc::Rc;

use actix_web::HttpResponse;
use atp_actors::session::Passing;
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::{IDLE_MAX, OWNER, Relay, Sender, reply};
use crate::environment::ByteStream;

pub(super) type Connection = http1::Connection<TokioIo<Box<dyn ByteStream>>, Full<Bytes>>;

/// Nodes that are asked for one request: whom we take for the owner, and whom that one does.
const TRIES: usize = 2;

/// Whom a node that does not own the session takes for the owner.
fn named(response: &Response<Incoming>) -> Option<NodeId> {
    let is_told = response.status() == http::StatusCode::MISDIRECTED_REQUEST;
    let name = response.headers().get(OWNER).filter(|_| is_told)?;
    name.to_str().ok()?.parse().ok()
}

fn moving() -> Fault {
    Fault::new(Code::Internal, "the session's owner changes; try again").retry_after(500)
}

/// What an owner answered, and the connection on which its body is to come.
pub(super) struct Answer {
    from: NodeId,
    response: Response<Incoming>,
    sender: Sender,
}

impl Answer {
    fn passed_on(self, relay: &Rc<Relay>, passing: Passing) -> HttpResponse {
        reply::passed_on(Rc::clone(relay), self.from, self.response, self.sender, passing)
    }
}

impl Relay {
    /// Sends a request to `to`, and once to whom that one names instead. Answers with the reply as it comes.
    ///
    /// # Errors
    /// `EINTERNAL`: retryable where nothing was sent; where the connection broke before the reply it is not known whether
    /// the request was carried out.
    pub(crate) async fn forward(
        self: &Rc<Self>,
        to: NodeId,
        request: &Request<Bytes>,
    ) -> Result<HttpResponse, Fault> {
        let passing = self.load.pass();
        Ok(self.try_owners(to, request).await?.passed_on(self, passing))
    }

    /// The answer of whoever owns the session.
    async fn try_owners(&self, mut to: NodeId, request: &Request<Bytes>) -> Result<Answer, Fault> {
        for _ in 0..TRIES {
            let (response, sender) = self.send(to, request).await?;
            match named(&response) {
                Some(owner) => to = owner,
                None => {
                    return Ok(Answer {
                        from: to,
                        response,
                        sender,
                    });
                }
            }
        }
        Err(moving())
    }

    async fn send(
        &self,
        to: NodeId,
        request: &Request<Bytes>,
    ) -> Result<(Response<Incoming>, Sender), Fault> {
        let mut idle = self.idle(to);
        loop {
            let (mut sender, was_idle) = match idle.take() {
                Some(sender) => (sender, true),
                None => (self.connect(to).await?, false),
            };
            let copy = request.clone().map(Full::new);
            match sender.try_send_request(copy).await {
                Ok(response) => return Ok((response, sender)),
                Err(mut error) => {
                    // It went while it was idle, and nothing was sent.
                    if was_idle && error.take_message().is_some() {
                        continue;
                    }
                    return Err(Fault::new(
                        Code::Internal,
                        format!("node {to}, which owns the session, was lost before it answered: it is not known whether it carried the request out"),
                    )
                    .retry_after(500));
                }
            }
        }
    }

    fn idle(&self, to: NodeId) -> Option<Sender> {
        let mut idle = self.idle.borrow_mut();
        let kept = idle.get_mut(&to)?;
        while let Some(sender) = kept.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Takes a connection back whose reply has been read.
    pub(super) fn keep(&self, to: NodeId, sender: Sender) {
        let mut idle = self.idle.borrow_mut();
        let kept = idle.entry(to).or_default();
        if !sender.is_closed() && kept.len() < IDLE_MAX {
            kept.push(sender);
        }
    }

    async fn connect(&self, to: NodeId) -> Result<Sender, Fault> {
        let (sender, connection) = self.open(to).await?;
        tokio::task::spawn_local(async move {
            // Whoever waits for a reply is told by the reply.
            let _ = connection.await;
        });
        Ok(sender)
    }

    /// A connection of its own.
    pub(super) async fn open(&self, to: NodeId) -> Result<(Sender, Connection), Fault> {
        let lost = |why: &dyn std::fmt::Display| {
            Fault::new(
                Code::Internal,
                format!("node {to}, which owns the session, cannot be reached: {why}"),
            )
            .retry_after(500)
        };
        let stream = self.dial.dial(to).await.map_err(|error| lost(&error))?;
        let opened = http1::handshake(TokioIo::new(stream)).await;
        opened.map_err(|error| lost(&error))
    }
}
