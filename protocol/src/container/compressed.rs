//! `ATPZ`, the compressed container (atp.md section 2): `ATPZ` ‖ algorithm u8 ‖ original length u32 BE ‖ body.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::error::{Code, Fault, Scope};
use crate::limits::Limits;

const MAGIC: &[u8; 4] = b"ATPZ";

/// zstd windows beyond 16 MiB, the largest frame there is, would only cost memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Raw DEFLATE.
    Deflate,
    /// zstd.
    Zstd,
}

impl Algorithm {
    /// Both, in the order this router prefers them.
    pub const ALL: [Self; 2] = [Self::Zstd, Self::Deflate];

    /// The name in a hello.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }

    /// Reads the name in a hello.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    const fn code(self) -> u8 {
        match self {
            Self::Deflate => 1,
            Self::Zstd => 2,
        }
    }
}

/// Why a compressed message is refused; `EPROTO` of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// Shorter than its head.
    #[error("ATPZ container without a head")]
    Truncated,
    /// Neither DEFLATE nor zstd.
    #[error("unknown ATPZ algorithm {0}; use 1 (raw DEFLATE) or 2 (zstd)")]
    Algorithm(u8),
    /// Larger than a frame may be, or than its body can honestly hold.
    #[error("ATPZ declares {declared} bytes where at most {allowed} are allowed; send it uncompressed")]
    TooLarge {
        /// Original length by its head.
        declared: usize,
        /// By the frame and ratio limits.
        allowed: usize,
    },
    /// Not what the algorithm writes, of another length than declared, or followed by more.
    #[error("ATPZ body does not inflate to the declared length")]
    Corrupt,
}

impl From<InflateError> for Fault {
    fn from(error: InflateError) -> Self {
        Self::new(Code::Proto, error.to_string()).scoped(Scope::Connection)
    }
}

/// Compresses a message. The caller does so only where it was agreed, for [`COMPRESS_MIN`](crate::limits::COMPRESS_MIN)
/// bytes or more, and never for frames with `HB` or `ACK`.
#[must_use]
pub fn deflate(message: &[u8], algorithm: Algorithm) -> Vec<u8> {
    let len = u32::try_from(message.len()).expect("a frame has at most 16 MiB");
    let mut out = Vec::with_capacity(message.len() / 2 + 16);
    out.extend_from_slice(MAGIC);
    out.push(algorithm.code());
    out.extend_from_slice(&len.to_be_bytes());
    match algorithm {
        Algorithm::Deflate => {
            let mut encoder = DeflateEncoder::new(&mut out, Compression::fast());
            encoder
                .write_all(message)
                .and_then(|()| encoder.try_finish())
                .expect("writing to a vector cannot fail");
        }
        Algorithm::Zstd => {
            zstd::stream::copy_encode(message, &mut out, zstd::DEFAULT_COMPRESSION_LEVEL)
                .expect("writing to a vector cannot fail");
        }
    }
    out
}

/// Inflates a message. Never holds more than the declared length, which the limits bound before anything is inflated.
///
/// # Errors
/// The first check that fails.
pub fn inflate(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, InflateError> {
    let head = bytes.strip_prefix(MAGIC).and_then(<[u8]>::split_first_chunk::<5>);
    let ([algorithm, len @ ..], body) = head.ok_or(InflateError::Truncated)?;
    let declared = u32::from_be_bytes(*len) as usize;
    let allowed = limits
        .frame_bytes
        .min(body.len().saturating_mul(limits.inflate_ratio));
    if declared > allowed {
        return Err(InflateError::TooLarge { declared, allowed });
    }
    let inflated = match algorithm {
        1 => inflate_deflate(body, declared),
        2 => inflate_zstd(body, declared),
        other => return Err(InflateError::Algorithm(*other)),
    };
    inflated.ok_or(InflateError::Corrupt)
}

fn inflate_deflate(body: &[u8], declared: usize) -> Option<Vec<u8>> {
    let mut decoder = DeflateDecoder::new(body);
    let inflated = read_exactly(&mut decoder, declared)?;
    (decoder.total_in() == body.len() as u64).then_some(inflated)
}

fn inflate_zstd(body: &[u8], declared: usize) -> Option<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)
        .ok()?
        .single_frame();
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).ok()?;
    let inflated = read_exactly(&mut decoder, declared)?;
    decoder.finish().is_empty().then_some(inflated)
}

/// All of `from`, if it is `len` bytes; reads one more at most to know.
fn read_exactly(from: &mut impl Read, len: usize) -> Option<Vec<u8>> {
    let mut inflated = Vec::with_capacity(len + 1);
    from.take(len as u64 + 1).read_to_end(&mut inflated).ok()?;
    (inflated.len() == len).then_some(inflated)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_algorithms_bring_back_the_message() {
        let message = "a message that repeats itself, ".repeat(100).into_bytes();
        for algorithm in Algorithm::ALL {
            let container = deflate(&message, algorithm);
            assert!(container.len() < message.len() / 4);
            assert_eq!(inflate(&container, &Limits::DEFAULT).as_deref(), Ok(&message[..]));
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
        }
    }

    #[test]
    fn bombs_are_refused_before_they_inflate() {
        let bomb = deflate(&vec![0; 1024 * 1024], Algorithm::Deflate);
        let error = inflate(&bomb, &Limits::DEFAULT).unwrap_err();
        assert!(
            matches!(
                error,
                InflateError::TooLarge {
                    declared: 1_048_576,
                    ..
                }
            ),
            "{error:?}"
        );
        let large = deflate(&[7; 100], Algorithm::Zstd);
        let tight = Limits {
            frame_bytes: 99,
            ..Limits::DEFAULT
        };
        assert_eq!(
            inflate(&large, &tight),
            Err(InflateError::TooLarge {
                declared: 100,
                allowed: 99
            })
        );
    }

    #[test]
    fn a_wrong_length_or_anything_after_the_end_is_corrupt() {
        let message: Vec<u8> = (0..=255).cycle().take(2_000).collect();
        for algorithm in Algorithm::ALL {
            let container = deflate(&message, algorithm);
            for declared in [1_999_u32, 2_001] {
                let mut wrong = container.clone();
                wrong[5..9].copy_from_slice(&declared.to_be_bytes());
                assert_eq!(
                    inflate(&wrong, &Limits::DEFAULT),
                    Err(InflateError::Corrupt),
                    "{algorithm:?} {declared}"
                );
            }
            let longer = [&container[..], &[0, 1, 2]].concat();
            assert_eq!(
                inflate(&longer, &Limits::DEFAULT),
                Err(InflateError::Corrupt),
                "{algorithm:?}"
            );
        }
        assert_eq!(
            inflate(b"ATPZ\x01\0\0", &Limits::DEFAULT),
            Err(InflateError::Truncated)
        );
        assert_eq!(
            inflate(b"ATPZ\x03\0\0\0\0", &Limits::DEFAULT),
            Err(InflateError::Algorithm(3))
        );
    }

    proptest! {
        #[test]
        fn any_message_comes_back(message in prop::collection::vec(any::<u8>(), 0..2_000)) {
            for algorithm in Algorithm::ALL {
                let container = deflate(&message, algorithm);
                prop_assert_eq!(inflate(&container, &Limits::DEFAULT), Ok(message.clone()));
            }
        }

        #[test]
        fn no_body_makes_it_panic_or_outgrow_its_declaration(
            algorithm in 0_u8..4, declared in 0_u32..5_000, body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = [&b"ATPZ"[..], &[algorithm], &declared.to_be_bytes(), &body].concat();
            if let Ok(inflated) = inflate(&bytes, &Limits::DEFAULT) {
                prop_assert_eq!(inflated.len(), declared as usize);
            }
        }
    }
}
