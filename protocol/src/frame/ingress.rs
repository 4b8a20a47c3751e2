//! The way in: steps 1 to 8 of atp.md 3.5, in their order. The first failure decides.

use crate::container::{Kind, compressed, envelope};
use crate::dialect::{self, Dialect};
use crate::error::{Code, Fault, Scope};
use crate::frame::seal::{Nonce, Required, Stamp, checksum, signature};
use crate::frame::{Flag, Frame};
use crate::hello::Role;
use crate::limits::Limits;
use crate::payload;
use crate::sign::Keys;
use crate::units::UnixMillis;
use crate::value::{Object, Value, cbor, json};

/// One message as the transport delivered it. Text that is not UTF-8 never gets here: the transport closes with 1007.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'m> {
    /// A text message.
    Text(&'m str),
    /// A binary message.
    Binary(&'m [u8]),
}

impl Incoming<'_> {
    /// Bytes of the message as received.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a connection accepts at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'p> {
    /// Sizes and counts.
    pub limits: &'p Limits,
    /// What the peer is.
    pub role: Role,
    /// `cbor` was agreed.
    pub accepts_cbor: bool,
    /// A compression was agreed in hello, and not as a WebSocket extension.
    pub accepts_compressed: bool,
    /// What every frame must carry.
    pub required: Required,
    /// What to verify signatures with.
    pub keys: Keys<'p>,
    /// Shortest nonce; 8 unless tests or a trusted peer ask for less.
    pub nonce_min: usize,
    /// Whose frames these may be.
    pub dialect: dialect::Mode<'p>,
}

impl<'p> Policy<'p> {
    /// Shortest nonce by default, in bytes.
    pub const NONCE_MIN: usize = 8;

    /// The baseline of a connection without a hello: JSON, nothing compressed, nothing required, native frames.
    #[must_use]
    pub fn baseline(limits: &'p Limits) -> Self {
        Self {
            limits,
            role: Role::Client,
            accepts_cbor: false,
            accepts_compressed: false,
            required: Required::default(),
            keys: Keys::default(),
            nonce_min: Self::NONCE_MIN,
            dialect: dialect::Mode::Native,
        }
    }
}

/// A frame that passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Received<'m> {
    /// The frame.
    pub frame: Frame<'m>,
    /// `kid`, `nonce` and `ts` it came with.
    pub stamp: Stamp,
    /// It bore a valid signature.
    pub is_signed: bool,
    /// It came in CBOR, bare or in an envelope.
    pub is_cbor: bool,
    /// The client's dialect; from the first message on it is fixed for the connection.
    pub dialect: Option<Dialect>,
}

impl Received<'_> {
    fn into_owned(self) -> Received<'static> {
        Received {
            frame: self.frame.into_owned(),
            stamp: self.stamp,
            is_signed: self.is_signed,
            is_cbor: self.is_cbor,
            dialect: self.dialect,
        }
    }
}

/// Takes one message through size, container, parsing, structure, signature, nonce, checksum and hop count.
///
/// `now`: wall clock, for the overlap of rotated keys. `store`: enters a nonce among those seen, or refuses it; called at most
/// once, after the signature was found good.
///
/// # Errors
/// The first failure. What the connection counts is told by code and scope: `EPROTO` with [`Scope::Connection`] is a parse
/// failure (three in 60 s close with 1002), `EAUTH` a signature failure (five in 60 s close with 4401).
pub fn ingress<'m>(
    now: UnixMillis,
    message: Incoming<'m>,
    policy: &Policy<'_>,
    store: &mut dyn FnMut(Nonce<'_>) -> Result<(), Fault>,
) -> Result<Received<'m>, Fault> {
    let len = message.len();
    if len > policy.limits.frame_bytes {
        let detail = format!("frame of {len} bytes; send at most {}", policy.limits.frame_bytes);
        return Err(Fault::new(Code::TooBig, detail).scoped(Scope::Connection));
    }
    match message {
        Incoming::Binary(bytes) if Kind::of(bytes) == Some(Kind::Compressed) => {
            if !policy.accepts_compressed {
                return Err(unsupported(
                    "compression was not agreed; send the frame uncompressed",
                ));
            }
            let inflated = compressed::inflate(bytes, policy.limits)?;
            let message = inner(&inflated)?;
            Ok(admit(now, decode(now, message, policy)?, policy, store)?.into_owned())
        }
        _ => admit(now, decode(now, message, policy)?, policy, store),
    }
}

/// The content of a compressed container: any other kind of message.
fn inner(inflated: &[u8]) -> Result<Incoming<'_>, Fault> {
    match Kind::of(inflated) {
        Some(Kind::Envelope | Kind::Cbor) => Ok(Incoming::Binary(inflated)),
        Some(Kind::Compressed) => Err(unreadable("ATPZ within ATPZ; compress once")),
        None => {
            let text = std::str::from_utf8(inflated);
            text.map(Incoming::Text)
                .map_err(|_| unreadable("ATPZ content is neither a frame nor UTF-8"))
        }
    }
}

/// A parsed message.
struct Decoded<'m> {
    tree: Value<'m>,
    /// Encoded size, uncompressed.
    bytes: usize,
    is_cbor: bool,
    is_enveloped: bool,
}

/// Steps 2 and 3: container and parsing.
fn decode<'m>(now: UnixMillis, message: Incoming<'m>, policy: &Policy<'_>) -> Result<Decoded<'m>, Fault> {
    let (bytes, is_enveloped) = match message {
        Incoming::Text(text) => {
            return Ok(Decoded {
                tree: json::parse(text, policy.limits)?,
                bytes: text.len(),
                is_cbor: false,
                is_enveloped: false,
            });
        }
        Incoming::Binary(_) if !policy.accepts_cbor => {
            return Err(unsupported(
                "binary_not_supported: agree on cbor in a hello, or send text",
            ));
        }
        Incoming::Binary(bytes) => match Kind::of(bytes) {
            Some(Kind::Cbor) => (bytes, false),
            Some(Kind::Envelope) => {
                let key = |kid: Option<&str>| policy.keys.find(kid, now);
                (envelope::open(bytes, policy.limits, key)?, true)
            }
            Some(Kind::Compressed) | None => return Err(unreadable("unknown kind of binary message")),
        },
    };
    Ok(Decoded {
        tree: cbor::parse(bytes, policy.limits)?,
        bytes: bytes.len(),
        is_cbor: true,
        is_enveloped,
    })
}

/// Steps 4 to 8: structure, signature, nonce, checksum, hop count.
fn admit<'m>(
    now: UnixMillis,
    decoded: Decoded<'m>,
    policy: &Policy<'_>,
    store: &mut dyn FnMut(Nonce<'_>) -> Result<(), Fault>,
) -> Result<Received<'m>, Fault> {
    let Decoded {
        tree,
        bytes,
        is_cbor,
        is_enveloped,
    } = decoded;
    let Value::Object(mut members) = tree else {
        return Err(unreadable("a frame is an object"));
    };
    let dialect = policy.dialect.of(&members).filter(|_| !is_cbor);
    if let Some(dialect) = dialect {
        members = dialect.to_native(members, &policy.dialect)?;
    }
    // Seals cover the tree as received, which the frame takes apart. So they are compared before, and judged in their turn.
    let required = if dialect.is_some() {
        Required::default()
    } else {
        policy.required
    };
    let signed = signature(&members, policy.keys, required, is_enveloped, now);
    let checked = checksum(&members, required, matches!(signed, Ok(true)));
    let stamp = Stamp::read(&members, policy.nonce_min);

    let frame = structured(members, bytes, policy, dialect)?;
    let stamp = stamp?;
    let is_signed = signed?;
    stamp.check(required, is_signed, store)?;
    checked?;
    if frame.ttl == Some(0) {
        return Err(Fault::new(Code::Ttl, "ttl is 0; the frame has no hop left").scoped(Scope::Frame));
    }
    Ok(Received {
        frame,
        stamp,
        is_signed,
        is_cbor,
        dialect,
    })
}

/// Step 4.
fn structured<'m>(
    members: Object<'m>,
    bytes: usize,
    policy: &Policy<'_>,
    dialect: Option<Dialect>,
) -> Result<Frame<'m>, Fault> {
    let mut frame = Frame::read(Value::Object(members), bytes, policy.limits)?;
    frame.flags.check()?;
    // a local marker that only reassembly may set
    frame.flags.remove(Flag::Reassembled);
    let kind = frame.payload.kind;
    if kind == Some(payload::Kind::Heartbeat) {
        frame.flags.insert(Flag::Heartbeat);
    }
    if dialect.is_some() && kind.is_some_and(payload::Kind::is_adapter) {
        frame.flags.insert(Flag::Ctrl);
    }
    // some clients open with the name of the answer
    if policy.role == Role::Client && frame.flags.opens() && kind == Some(payload::Kind::AgentPartial) {
        frame.payload.kind = Some(payload::Kind::AgentRequest);
    }
    Ok(frame)
}

fn unreadable(detail: &'static str) -> Fault {
    Fault::new(Code::Proto, detail).scoped(Scope::Connection)
}

fn unsupported(detail: &'static str) -> Fault {
    Fault::new(Code::Unsupported, detail).scoped(Scope::Frame)
}
