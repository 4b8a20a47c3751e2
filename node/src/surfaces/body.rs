//! Reading a request body within its limits.

use std::time::Duration;

use actix_web::web::Payload;
use atp_protocol::error::{Code, Fault};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

/// Reads the whole body.
///
/// # Errors
/// `ETOOBIG` beyond `max_bytes`, `ETIMEOUT` when it does not arrive within `timeout`, `EPROTO` when the client breaks it
/// off.
pub(super) async fn read(mut payload: Payload, max_bytes: usize, timeout: Duration) -> Result<Bytes, Fault> {
    let reading = async {
        let Some(first) = payload.next().await else {
            return Ok(Bytes::new());
        };
        let first = first.map_err(|_| broken())?;
        check(first.len(), max_bytes)?;
        // Most bodies arrive in one piece and need no copy.
        let Some(second) = payload.next().await else {
            return Ok(first);
        };
        let mut body = BytesMut::from(first);
        let mut piece = second.map_err(|_| broken())?;
        loop {
            check(body.len() + piece.len(), max_bytes)?;
            body.extend_from_slice(&piece);
            match payload.next().await {
                Some(next) => piece = next.map_err(|_| broken())?,
                None => return Ok(body.freeze()),
            }
        }
    };
    match tokio::time::timeout(timeout, reading).await {
        Ok(body) => body,
        Err(_) => Err(Fault::new(Code::Timeout, "the request body did not arrive in time").terminal()),
    }
}

fn check(len: usize, max_bytes: usize) -> Result<(), Fault> {
    match len > max_bytes {
        true => Err(Fault::new(
            Code::TooBig,
            format!("the body exceeds {max_bytes} bytes"),
        )),
        false => Ok(()),
    }
}

fn broken() -> Fault {
    Fault::new(Code::Proto, "the request body broke off")
}
