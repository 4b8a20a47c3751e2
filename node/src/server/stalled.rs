//! Replies over HTTP/2 that their client does not take.
//!
//! The socket of such a client is written to all the same, for its other streams, so that `patience` notices nothing, and the library
//! waits for the stream's flow-control window without end. What the body sees is that it handed a piece over and is not asked
//! for the next. When that lasts, it is dropped: whoever makes it learns that the reader has gone, and settles. The stream
//! itself, with the piece that was handed over, ends with its connection; the others on it go on.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::Version;
use bytes::Bytes;
use futures_util::future::{Either, FutureExt, LocalBoxFuture};
use tokio::task::AbortHandle;

/// What becomes of a request.
type Answer = Result<ServiceResponse, Error>;

/// Passes requests on, those over HTTP/1 as they are; a reply over HTTP/2 of which nothing is taken for `patience`, or up to
/// twice that, is cut.
pub(super) fn cut<S>(
    patience: Duration,
) -> impl Fn(ServiceRequest, &S) -> Either<S::Future, LocalBoxFuture<'static, Answer>> + Clone
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
    S::Future: 'static,
{
    move |request, service| {
        let is_http2 = request.version() == Version::HTTP_2;
        let answered = service.call(request);
        if !is_http2 {
            return Either::Left(answered);
        }
        let cutting = async move {
            let response = answered.await?;
            Ok(response.map_body(|_, body| BoxBody::new(Watched::new(body, patience))))
        };
        Either::Right(cutting.boxed_local())
    }
}

/// A body that is dropped when it is not asked for more.
struct Watched {
    size: BodySize,
    state: Rc<RefCell<State>>,
    patience: Duration,
    watch: Option<AbortHandle>,
}

struct State {
    /// `None` once it was cut.
    body: Option<BoxBody>,
    /// Pieces handed over.
    pieces: u64,
    /// The last of them may be on its way still.
    is_out: bool,
}

impl Watched {
    fn new(body: BoxBody, patience: Duration) -> Self {
        Self {
            size: body.size(),
            state: Rc::new(RefCell::new(State {
                body: Some(body),
                pieces: 0,
                is_out: false,
            })),
            patience,
            watch: None,
        }
    }
}

impl MessageBody for Watched {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let next = self.state.borrow_mut().poll(context);
        if matches!(next, Poll::Ready(Some(Ok(_)))) && self.watch.is_none() {
            let watching = watch(Rc::downgrade(&self.state), self.patience);
            self.watch = Some(tokio::task::spawn_local(watching).abort_handle());
        }
        next
    }
}

impl State {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Box<dyn std::error::Error>>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Some(Err("the client took nothing for too long".into())));
        };
        let next = Pin::new(body).poll_next(context);
        self.is_out = matches!(next, Poll::Ready(Some(Ok(_))));
        self.pieces += u64::from(self.is_out);
        next
    }

    /// The piece that may be on its way.
    fn out(&self) -> Option<u64> {
        self.is_out.then_some(self.pieces)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

/// Drops the body once one piece was out for the whole of a wait.
async fn watch(state: Weak<RefCell<State>>, patience: Duration) {
    loop {
        let Some(before) = state.upgrade().map(|state| state.borrow().out()) else {
            return;
        };
        tokio::time::sleep(patience).await;
        let Some(state) = state.upgrade() else { return };
        let is_stalled = before.is_some() && state.borrow().out() == before;
        if is_stalled {
            let body = state.borrow_mut().body.take();
            drop(body);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_http::{HttpService, Protocol};
    use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, map_config};
    use actix_web::body::BodyStream;
    use actix_web::dev::AppConfig;
    use actix_web::{App, HttpResponse, web};
    use http_body_util::{BodyExt, Empty};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::io::{DuplexStream, duplex};
    use tokio::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    type Pieces = mpsc::Sender<Bytes>;

    /// Serves one connection; a body is what is sent to the channel handed out for it.
    async fn serve(stream: DuplexStream, bodies: mpsc::Sender<Pieces>) {
        let answer = move || {
            let bodies = bodies.clone();
            async move {
                let (pieces, mut body) = mpsc::channel::<Bytes>(1);
                bodies.send(pieces).await.expect("the test listens");
                let body = futures_util::stream::poll_fn(move |context| {
                    body.poll_recv(context).map(|piece| piece.map(Ok::<_, Error>))
                });
                HttpResponse::Ok().body(BodyStream::new(body))
            }
        };
        let app = App::new()
            .wrap_fn(cut(PATIENCE))
            .route("/", web::get().to(answer));
        let factory = map_config(
            app.into_factory().map_err(|error: Error| error.error_response()),
            |()| AppConfig::default(),
        );
        let service = HttpService::build().finish(factory);
        let Ok(handler) = service.new_service(()).await else {
            panic!("the service starts");
        };
        let stream: Box<dyn crate::environment::ByteStream> = Box::new(stream);
        // How it ends is the client's affair.
        let _ = handler.call((stream, Protocol::Http2, None)).await;
    }

    /// Asks once, with a flow-control window of ten bytes a stream.
    async fn ask() -> (hyper::Response<hyper::body::Incoming>, Pieces) {
        let (near, far) = duplex(1 << 20);
        let (bodies, mut made) = mpsc::channel(1);
        tokio::task::spawn_local(serve(near, bodies));
        let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(10)
            .handshake(TokioIo::new(far))
            .await
            .expect("HTTP/2");
        tokio::task::spawn_local(connection);
        let request = hyper::Request::get("http://node/").body(Empty::<Bytes>::new());
        let asking = sender.send_request(request.expect("a request"));
        let (response, pieces) = tokio::join!(asking, made.recv());
        (response.expect("a head"), pieces.expect("a body"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_of_which_the_client_takes_nothing_is_cut() {
        let test = async {
            let (_unread, pieces) = ask().await;
            pieces
                .send(Bytes::from_static(&[0; 100]))
                .await
                .expect("the body is read");
            let cut = tokio::time::timeout(PATIENCE * 3, pieces.closed()).await;
            cut.expect("who makes the body learns that nobody reads it");
        };
        tokio::task::LocalSet::new().run_until(test).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_waits_for_a_slow_reply_gets_it_whole() {
        let test = async {
            let (response, pieces) = ask().await;
            let making = async {
                for _ in 0..3 {
                    tokio::time::sleep(PATIENCE * 3).await;
                    pieces
                        .send(Bytes::from_static(&[7; 100]))
                        .await
                        .expect("the body is read");
                }
                drop(pieces);
            };
            let (read, ()) = tokio::join!(response.into_body().collect(), making);
            assert_eq!(read.expect("a whole body").to_bytes().len(), 300);
        };
        tokio::task::LocalSet::new().run_until(test).await;
    }
}
