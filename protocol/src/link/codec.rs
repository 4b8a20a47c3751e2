//! Frames as bytes.
//!
//! `length u32, version u8, kind u8, flags u16, correlation u64`, then by kind `service u16`, `deadline_ms u32`, `credit u32` or
//! `code u16`, then the body to the end. Integers are little-endian; `length` counts what follows it. Flags are sent as 0 and not
//! looked at when read.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::hello::HELLO_LEN;
use super::refusal::TEXT_MAX;
use super::{Code, Correlation, FRAME_MAX, Frame, Hello, Refusal, Service, VERSION};

/// Bytes of the length field.
const LENGTH: usize = 4;

/// Bytes that every frame has after it.
const HEAD: usize = 12;

/// Bodies up to this length are copied out of the read buffer, so that who keeps one does not keep the buffer.
const COPY_MAX: usize = 4 * 1024;

mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const REQUEST: u8 = 2;
    pub(super) const RESPONSE: u8 = 3;
    pub(super) const REFUSAL: u8 = 4;
    pub(super) const CANCEL: u8 = 5;
    pub(super) const OPEN: u8 = 6;
    pub(super) const DATA: u8 = 7;
    pub(super) const END: u8 = 8;
    pub(super) const RESET: u8 = 9;
    pub(super) const CREDIT: u8 = 10;
    pub(super) const PING: u8 = 11;
    pub(super) const PONG: u8 = 12;
    pub(super) const GOODBYE: u8 = 13;
}

/// Why bytes are no frame. The connection cannot go on: where the next one begins is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length field is out of bounds.
    #[error("a frame of {0} bytes; it has {HEAD} to {FRAME_MAX}")]
    Length(usize),
    /// Of another version.
    #[error("version {0} of the link; this node speaks {VERSION}: upgrade the older of the two")]
    Version(u8),
    /// Of a kind that this version does not have.
    #[error("a frame of kind {0}, which version {VERSION} does not have")]
    Kind(u8),
    /// Shorter, longer or other than its kind is.
    #[error("a frame of kind {0} that is not well formed")]
    Malformed(u8),
}

/// Appends `frame` to `out`.
///
/// The body must not be longer than [`BODY_MAX`](super::BODY_MAX); who takes bodies from elsewhere checks that first.
pub fn encode<B: AsRef<[u8]>>(frame: &Frame<B>, out: &mut BytesMut) {
    match frame {
        Frame::Hello(hello) => head(out, kind::HELLO, 0, &[], &hello.to_bytes()),
        Frame::Request {
            id,
            service,
            deadline_ms,
            body,
        } => {
            let [a, b] = service.0.to_le_bytes();
            let [c, d, e, f] = deadline_ms.to_le_bytes();
            head(out, kind::REQUEST, id.0, &[a, b, c, d, e, f], body.as_ref());
        }
        Frame::Response { id, body } => head(out, kind::RESPONSE, id.0, &[], body.as_ref()),
        Frame::Refusal { id, refusal } => refuse(out, kind::REFUSAL, id.0, refusal),
        Frame::Cancel { id } => head(out, kind::CANCEL, id.0, &[], &[]),
        Frame::Open { id, service, body } => {
            head(out, kind::OPEN, id.0, &service.0.to_le_bytes(), body.as_ref());
        }
        Frame::Data { id, body } => head(out, kind::DATA, id.0, &[], body.as_ref()),
        Frame::End { id } => head(out, kind::END, id.0, &[], &[]),
        Frame::Reset { id, refusal } => refuse(out, kind::RESET, id.0, refusal),
        Frame::Credit { id, bytes } => head(out, kind::CREDIT, id.0, &bytes.to_le_bytes(), &[]),
        Frame::Ping { stamp } => head(out, kind::PING, *stamp, &[], &[]),
        Frame::Pong { stamp } => head(out, kind::PONG, *stamp, &[], &[]),
        Frame::Goodbye { refusal } => refuse(out, kind::GOODBYE, 0, refusal),
    }
}

fn refuse(out: &mut BytesMut, kind: u8, id: u64, refusal: &Refusal) {
    let code = refusal.code.0.to_le_bytes();
    head(out, kind, id, &code, refusal.wire_text().as_bytes());
}

fn head(out: &mut BytesMut, kind: u8, id: u64, fields: &[u8], body: &[u8]) {
    let length = HEAD + fields.len() + body.len();
    debug_assert!(length <= FRAME_MAX, "bodies are checked where they are taken");
    out.reserve(LENGTH + length);
    out.put_u32_le(u32::try_from(length).expect("a body is shorter than a frame"));
    out.put_u8(VERSION);
    out.put_u8(kind);
    out.put_u16_le(0);
    out.put_u64_le(id);
    out.put_slice(fields);
    out.put_slice(body);
}

/// Takes the first frame out of `buffer`; `None` while it is incomplete.
///
/// Never waits for more than [`FRAME_MAX`] and a length field. Bodies are copied if they are short and share the buffer otherwise.
///
/// # Errors
/// [`FrameError`]; the connection is over then, and what is left in `buffer` means nothing.
pub fn decode(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let Some(length) = buffer.first_chunk().copied() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if !(HEAD..=FRAME_MAX).contains(&length) {
        return Err(FrameError::Length(length));
    }
    // What is wrong with a frame is told before all of it is there.
    let version = buffer.get(LENGTH).copied().unwrap_or(VERSION);
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    if buffer.len() < LENGTH + length {
        return Ok(None);
    }
    buffer.advance(LENGTH + 1);
    let kind = buffer.get_u8();
    let _flags = buffer.get_u16_le();
    let id = buffer.get_u64_le();
    let mut rest = Rest {
        kind,
        left: length - HEAD,
        buffer,
    };
    let frame = rest.frame(id)?;
    match rest.left {
        0 => Ok(Some(frame)),
        _ => Err(FrameError::Malformed(kind)),
    }
}

/// What a frame has after its head. Whoever takes all of it leaves nothing.
struct Rest<'a> {
    kind: u8,
    left: usize,
    buffer: &'a mut BytesMut,
}

impl Rest<'_> {
    fn frame(&mut self, id: u64) -> Result<Frame, FrameError> {
        let stamp = id;
        let id = Correlation(id);
        Ok(match self.kind {
            kind::HELLO => Frame::Hello(self.hello()?),
            kind::REQUEST => Frame::Request {
                id,
                service: Service(u16::from_le_bytes(self.field()?)),
                deadline_ms: u32::from_le_bytes(self.field()?),
                body: self.body(),
            },
            kind::RESPONSE => Frame::Response {
                id,
                body: self.body(),
            },
            kind::REFUSAL => Frame::Refusal {
                id,
                refusal: self.refusal()?,
            },
            kind::CANCEL => Frame::Cancel { id },
            kind::OPEN => Frame::Open {
                id,
                service: Service(u16::from_le_bytes(self.field()?)),
                body: self.body(),
            },
            kind::DATA => Frame::Data {
                id,
                body: self.body(),
            },
            kind::END => Frame::End { id },
            kind::RESET => Frame::Reset {
                id,
                refusal: self.refusal()?,
            },
            kind::CREDIT => Frame::Credit {
                id,
                bytes: u32::from_le_bytes(self.field()?),
            },
            kind::PING => Frame::Ping { stamp },
            kind::PONG => Frame::Pong { stamp },
            kind::GOODBYE => Frame::Goodbye {
                refusal: self.refusal()?,
            },
            other => return Err(FrameError::Kind(other)),
        })
    }

    fn field<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        self.left = self.left.checked_sub(N).ok_or(FrameError::Malformed(self.kind))?;
        let mut field = [0; N];
        self.buffer.copy_to_slice(&mut field);
        Ok(field)
    }

    fn body(&mut self) -> Bytes {
        let length = std::mem::take(&mut self.left);
        if length > COPY_MAX {
            return self.buffer.split_to(length).freeze();
        }
        let body = Bytes::copy_from_slice(&self.buffer[..length]);
        self.buffer.advance(length);
        body
    }

    fn hello(&mut self) -> Result<Hello, FrameError> {
        let bytes = self.field::<HELLO_LEN>()?;
        Hello::from_bytes(&bytes).ok_or(FrameError::Malformed(self.kind))
    }

    fn refusal(&mut self) -> Result<Refusal, FrameError> {
        let code = Code(u16::from_le_bytes(self.field()?));
        if self.left > TEXT_MAX {
            return Err(FrameError::Malformed(self.kind));
        }
        let malformed = FrameError::Malformed(self.kind);
        let text = String::from_utf8(self.body().into()).map_err(|_| malformed)?;
        Ok(Refusal { code, text })
    }
}

#[cfg(test)]
mod tests;
