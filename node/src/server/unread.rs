//! What is left of a request's body when the reply has been given.
//!
//! A body of known length that nobody read closes its connection. Of a chunked one the library reads the rest and throws it
//! away, however much comes. Here the reply holds on to such a body, so that its connection closes as well.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::TRANSFER_ENCODING;
use actix_web::{Error, HttpMessage};
use bytes::Bytes;
use futures_util::stream::{StreamExt, poll_fn};

/// Passes a request on; a reply that leaves some of a chunked body unread closes the connection.
pub(super) fn close<S>(
    mut request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
    S::Future: 'static,
{
    let unread = request.headers().contains_key(TRANSFER_ENCODING).then(|| {
        let payload = Rc::new(RefCell::new(request.take_payload()));
        let reader = Rc::clone(&payload);
        let shared = poll_fn(move |context| reader.borrow_mut().poll_next_unpin(context));
        request.set_payload(Payload::Stream {
            payload: shared.boxed_local(),
        });
        payload
    });
    let answered = service.call(request);
    async move {
        let response = answered.await?;
        Ok(match unread {
            None => response,
            Some(unread) => response.map_body(|_, body| {
                BoxBody::new(Holding {
                    body,
                    _unread: unread,
                })
            }),
        })
    }
}

/// A reply that keeps the body it answers.
struct Holding {
    body: BoxBody,
    _unread: Rc<RefCell<Payload>>,
}

impl MessageBody for Holding {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
