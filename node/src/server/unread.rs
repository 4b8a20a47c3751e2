//! What is left of a request's body when the reply has been given.
//!
//! A client's body of known length that nobody read closes its connection. Of a chunked one the library reads the rest and throws it
//! away, however much comes. Here the reply holds on to such a body, so that its connection closes as well.
//!
//! Another member has read the body whole before it relays it, within the bounds of any body, and may be writing it when the reply
//! is given. Its rest is read first: a connection that closed under the writer would take the reply along.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::{Error, HttpMessage};
use bytes::Bytes;
use futures_util::future::{Either, FutureExt, LocalBoxFuture};
use futures_util::stream::{Stream, StreamExt, poll_fn};

use crate::relay::Arrival;

/// What becomes of a request.
type Answer = Result<ServiceResponse, Error>;

/// A body that its handler reads, and whoever deals with the rest.
type Shared = Rc<RefCell<Payload>>;

/// Passes on requests that arrive so, and sees to what their handlers leave unread.
pub(super) fn settle<S>(
    arrival: Arrival,
) -> impl Fn(ServiceRequest, &S) -> Either<S::Future, LocalBoxFuture<'static, Answer>> + Clone
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
    S::Future: 'static,
{
    let settled = match arrival {
        Arrival::Direct => TRANSFER_ENCODING,
        // A relayed request without a length is a connection that is to change its protocol.
        Arrival::Relayed => CONTENT_LENGTH,
    };
    move |mut request, service| {
        if !request.headers().contains_key(&settled) {
            return Either::Left(service.call(request));
        }
        let unread = share(&mut request);
        let answered = service.call(request);
        let settling = async move {
            let answered = answered.await;
            if arrival == Arrival::Relayed {
                discard(&unread).await;
                return answered;
            }
            answered.map(|response| {
                response.map_body(|_, body| {
                    BoxBody::new(Holding {
                        body,
                        _unread: unread,
                    })
                })
            })
        };
        Either::Right(settling.boxed_local())
    }
}

fn share(request: &mut ServiceRequest) -> Shared {
    let payload = Rc::new(RefCell::new(request.take_payload()));
    request.set_payload(Payload::Stream {
        payload: stream(&payload).boxed_local(),
    });
    payload
}

fn stream(payload: &Shared) -> impl Stream<Item = Result<Bytes, PayloadError>> + use<> {
    let payload = Rc::clone(payload);
    poll_fn(move |context| payload.borrow_mut().poll_next_unpin(context))
}

/// Reads a body to its end, or until it breaks off.
async fn discard(payload: &Shared) {
    let mut rest = stream(payload);
    while let Some(Ok(_)) = rest.next().await {}
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

#[cfg(test)]
mod tests {
    use actix_http::{HttpService, Protocol};
    use actix_service::{IntoServiceFactory, Service, ServiceFactory, map_config};
    use actix_web::dev::AppConfig;
    use actix_web::{App, HttpResponse, web};
    use http_body_util::{BodyExt, Full};
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::io::{DuplexStream, duplex};
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    /// Serves a connection on which every request is refused as it is, and never read.
    async fn refuse_all(stream: DuplexStream) {
        let app = App::new()
            .wrap_fn(settle(Arrival::Relayed))
            .default_service(web::to(|| async {
                HttpResponse::TooManyRequests().body("too often")
            }));
        let factory = map_config(app.into_factory(), |()| AppConfig::default());
        let service = HttpService::build().finish(factory).new_service(()).await;
        let service = service.unwrap_or_else(|()| panic!("nothing can fail"));
        let _ = service.call((stream, Protocol::Http1, None)).await;
    }

    #[tokio::test]
    async fn a_member_is_told_why_its_request_is_refused_however_much_of_it_is_unread() {
        let serving = async {
            let (near, far) = duplex(1 << 10);
            spawn_local(refuse_all(far));
            let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
            spawn_local(connection);
            for length in [2, 40 << 10, 4 << 20] {
                let body = Full::new(Bytes::from(vec![b'x'; length]));
                let request = hyper::Request::post("/v1/ask").header("host", "atp");
                let request = request.body(body).unwrap();
                sender.ready().await.unwrap();
                let refused = sender.send_request(request).await.unwrap();
                assert_eq!(refused.status(), 429);
                let said = refused.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(said, "too often");
            }
        };
        LocalSet::new().run_until(serving).await;
    }
}
