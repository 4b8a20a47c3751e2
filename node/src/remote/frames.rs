//! Frames of a stream: what is said, as JSON, and bytes that belong to it and are passed on as they are.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of either part of a frame; twice the largest body that a client may be allowed.
pub(super) const PART_MAX: usize = 512 << 20;

/// Bytes that follow in the same write, where one write is cheaper than two.
const JOINED_MAX: usize = 16 << 10;

/// Writes a frame: both lengths, big-endian, then both parts.
///
/// # Errors
/// Of the stream; `InvalidInput` for a part over [`PART_MAX`].
pub(super) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    head: &impl Serialize,
    body: &[u8],
) -> io::Result<()> {
    let mut frame = vec![0; 8];
    serde_json::to_writer(&mut frame, head)?;
    let lengths = [length(frame.len() - 8)?, length(body.len())?];
    frame[..4].copy_from_slice(&lengths[0].to_be_bytes());
    frame[4..8].copy_from_slice(&lengths[1].to_be_bytes());
    let (joined, apart) = body.split_at(if body.len() <= JOINED_MAX { body.len() } else { 0 });
    frame.extend_from_slice(joined);
    stream.write_all(&frame).await?;
    stream.write_all(apart).await
}

fn length(bytes: usize) -> io::Result<u32> {
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= PART_MAX);
    length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "longer than a frame may be"))
}

/// Reads a frame. Takes memory as bytes arrive, whatever the lengths announce.
///
/// # Errors
/// Of the stream, `UnexpectedEof` when it ends; `InvalidData` for what is no frame of this kind.
pub(super) async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<(T, Bytes)> {
    let (head, body) = (stream.read_u32().await?, stream.read_u32().await?);
    let head = part(stream, head).await?;
    let body = part(stream, body).await?;
    Ok((serde_json::from_slice(&head)?, body.into()))
}

async fn part(stream: &mut (impl AsyncRead + Unpin), length: u32) -> io::Result<Vec<u8>> {
    if length as usize > PART_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "longer than a frame may be",
        ));
    }
    let mut bytes = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut bytes).await?;
    match bytes.len() == length as usize {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        futures_util::FutureExt::now_or_never(future).expect("nothing to wait for in memory")
    }

    #[test]
    fn both_parts_of_any_size_come_back() {
        for size in [0, 1, JOINED_MAX, JOINED_MAX + 1] {
            let (text, body) = ("é".repeat(size), vec![7; size]);
            let mut bytes = Vec::new();
            run(write(&mut bytes, &text, &body)).unwrap();
            let mut from = bytes.as_slice();
            let read: (String, Bytes) = run(read(&mut from)).unwrap();
            assert_eq!((read.0, read.1.to_vec(), from), (text, body, &b""[..]));
        }
    }

    #[test]
    fn a_part_over_the_bound_is_refused_before_it_is_read() {
        let mut bytes = &[0xff; 8][..];
        let refused = run(read::<String>(&mut bytes)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        let mut cut = &[0, 0, 0, 9, 0, 0, 0, 0, b'"'][..];
        assert_eq!(
            run(read::<String>(&mut cut)).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = run(read::<super::super::v1::Ask>(&mut bytes.as_slice()));
        }
    }
}
