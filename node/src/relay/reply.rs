//! Passing a reply back as it comes.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use atp_actors::session::Passing as OnItsWay;
use atp_protocol::cluster::NodeId;
use bytes::Bytes;
use hyper::Response;
use hyper::body::{Body, Incoming};

use super::{Relay, Sender};

/// Headers that are about a connection, not about the reply (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [&str; 5] = ["connection", "keep-alive", "transfer-encoding", "upgrade", "te"];

pub(super) fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

/// The reply for the client. The connection goes back to the relay when it has been read whole.
pub(super) fn passed_on(
    relay: Rc<Relay>,
    from: NodeId,
    response: Response<Incoming>,
    sender: Sender,
    passing: OnItsWay,
) -> HttpResponse {
    let (head, body) = response.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).expect("a status is a status");
    let mut reply = HttpResponse::build(status);
    for (name, value) in &head.headers {
        let named = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (named, HeaderValue::from_bytes(value.as_bytes()))
            && !is_hop_by_hop(name.as_str())
        {
            reply.append_header((name, value));
        }
    }
    let size = body.size_hint().exact();
    reply.body(Passing {
        body,
        size: size.map_or(BodySize::Stream, BodySize::Sized),
        back: Some((relay, from, sender)),
        _passing: passing,
    })
}

/// A reply on its way through.
struct Passing {
    body: Incoming,
    size: BodySize,
    back: Option<(Rc<Relay>, NodeId, Sender)>,
    _passing: OnItsWay,
}

impl MessageBody for Passing {
    type Error = hyper::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame {
                Some(Ok(frame)) => {
                    // Trailers have no place in what actix sends.
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    if let Some((relay, from, sender)) = self.back.take() {
                        relay.keep(from, sender);
                    }
                    return Poll::Ready(None);
                }
            }
        }
    }
}
