//! A reply being read.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use super::Pool;
use super::link::Link;

/// The body did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("the reply broke off")]
pub(crate) struct Cut(#[source] hyper::Error);

/// Head of a reply and the connection over which its body comes.
///
/// Read to its end, the connection returns to the pool; dropped before, it is closed, which tells the other side.
pub(crate) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    open: Option<Open>,
}

struct Open {
    body: Incoming,
    link: Link,
    pool: Rc<Pool>,
    _slot: OwnedSemaphorePermit,
}

impl Reply {
    pub(super) fn new(
        response: Response<Incoming>,
        link: Link,
        slot: OwnedSemaphorePermit,
        pool: Rc<Pool>,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            open: Some(Open {
                body,
                link,
                pool,
                _slot: slot,
            }),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The headers, to be let go of.
    pub(crate) fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.headers)
    }

    /// The next piece of the body as it came off the wire; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Cut> {
        poll_fn(|cx| self.poll_piece(cx)).await
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Cut>> {
        let Some(open) = &mut self.open else {
            return Poll::Ready(Ok(None));
        };
        loop {
            match std::task::ready!(open.link.poll_frame(&mut open.body, cx)) {
                // Trailers say nothing we use.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Ok(Some(data))),
                    _ => {}
                },
                Some(Err(error)) => {
                    self.open = None;
                    return Poll::Ready(Err(Cut(error)));
                }
                None => break,
            }
        }
        if let Some(Open { mut link, pool, .. }) = self.open.take()
            && link.is_reusable(cx)
        {
            pool.keep(link);
        }
        Poll::Ready(Ok(None))
    }
}
