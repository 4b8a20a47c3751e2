//! Bytes of one direction of a connection.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Fault;
use super::board::Direction;
use crate::clock;
use crate::seed::Seed;

/// Bytes read at once.
const PIECE: usize = 16 * 1024;
/// Pieces under way; with more, the sender waits.
const PIECES: usize = 256;

/// Carries bytes until `from` ends, then ends `to`.
///
/// Errors are those of either end, and come no earlier than the fault lets them through.
pub(super) async fn pump(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    direction: Direction,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(PIECES);
    let (read, written) = tokio::join!(
        read(from, sender, direction.clone()),
        write(to, receiver, direction)
    );
    read.and(written)
}

/// A piece, and when it is due.
type Piece = (Bytes, Duration);

async fn read(
    mut from: impl AsyncRead + Unpin,
    pieces: mpsc::Sender<Piece>,
    mut direction: Direction,
) -> io::Result<()> {
    let mut seed = Seed(clock::now().as_nanos() as u64);
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        let count = tokio::select! {
            count = from.read_buf(&mut piece) => count,
            () = pieces.closed() => return Ok(()),
        };
        let fault = direction.fault();
        let due = clock::now() + delay(fault, &mut seed);
        match count {
            Ok(0) => return Ok(()),
            // The writer is gone, and so is the connection.
            Ok(_) if pieces.send((piece.freeze(), due)).await.is_err() => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                direction.until(|fault| fault != Fault::Hole).await;
                return Err(error);
            }
        }
    }
}

async fn write(
    mut to: impl AsyncWrite + Unpin,
    mut pieces: mpsc::Receiver<Piece>,
    mut direction: Direction,
) -> io::Result<()> {
    while let Some((piece, due)) = pieces.recv().await {
        sleep(due.saturating_sub(clock::now())).await;
        direction.until(|fault| fault != Fault::Hole).await;
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let Fault::Throttle { bytes_per_second } = direction.fault() else {
                to.write_all(rest).await?;
                break;
            };
            // A hundredth of a second's worth at a time.
            let share = usize::try_from(bytes_per_second.div_ceil(100)).unwrap_or(PIECE);
            let (part, later) = rest.split_at(share.min(rest.len()));
            to.write_all(part).await?;
            sleep(Duration::from_secs_f64(
                part.len() as f64 / bytes_per_second as f64,
            ))
            .await;
            rest = later;
        }
    }
    direction.until(|fault| fault != Fault::Hole).await;
    to.shutdown().await
}

/// How long `fault` holds a piece back.
fn delay(fault: Fault, seed: &mut Seed) -> Duration {
    match fault {
        Fault::Delay { by, jitter } => by.saturating_sub(jitter) + jitter.mul_f64(2.0 * seed.share()),
        Fault::Pass | Fault::Hole | Fault::Reset | Fault::Throttle { .. } => Duration::ZERO,
    }
}
