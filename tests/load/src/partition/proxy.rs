//! The proxy before one member.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::board::Direction;
use super::pump::pump;
use super::{Board, Fault, Link, Origins};

/// After a failed `accept`, which is for want of descriptors, others get time to close some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens for those who dial `member` and serves in the background of the `LocalSet`. Connections are bounded by the
/// descriptor limit.
pub async fn serve(link: Link, member: usize, board: Board, origins: Origins) -> Result<()> {
    let listener = TcpListener::bind(link.listen)
        .await
        .with_context(|| format!("listening on {}", link.listen))?;
    spawn_local(async move {
        loop {
            let Ok((inbound, address)) = listener.accept().await else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let origin = origins.of(address, inbound.local_addr().unwrap_or(link.listen));
            let (there, back) = (board.direction(origin, member), board.direction(member, origin));
            spawn_local(relay(inbound, link, there, back));
        }
    });
    Ok(())
}

/// Carries one connection to its end. What ends it at one side ends it at the other, unless a hole is between.
async fn relay(inbound: TcpStream, link: Link, mut there: Direction, mut back: Direction) {
    let is_reset = |fault| fault == Fault::Reset;
    let (mut resets, mut resets_back) = (there.clone(), back.clone());
    let cut = async {
        tokio::select! {
            () = resets.until(is_reset) => {}
            () = resets_back.until(is_reset) => {}
        }
    };
    tokio::pin!(cut);
    let carried = async {
        // A lost SYN, or a lost answer to it, is sent again until it comes through.
        let is_open = |fault| fault != Fault::Hole && fault != Fault::Reset;
        there.until(is_open).await;
        back.until(is_open).await;
        TcpStream::connect(link.target).await.ok()
    };
    // A connection that the target has is looked at first: dropped here it would end in order, not by a reset.
    let outbound = tokio::select! {
        biased;
        outbound = carried => outbound,
        () = &mut cut => None,
    };
    // Both without lingering: an aborted connection is a reset for either end.
    let Some(outbound) = outbound else {
        abort(&inbound);
        return;
    };
    for stream in [&inbound, &outbound] {
        // A socket that is gone already needs no option.
        stream.set_nodelay(true).ok();
    }
    let (mut inbound, mut outbound) = (inbound, outbound);
    let was_cut = {
        let (from_dialler, to_dialler) = inbound.split();
        let (from_target, to_target) = outbound.split();
        tokio::select! {
            () = &mut cut => true,
            (one, other) = async { tokio::join!(
                pump(from_dialler, to_target, there),
                pump(from_target, to_dialler, back),
            ) } => one.is_err() || other.is_err(),
        }
    };
    if was_cut {
        abort(&inbound);
        abort(&outbound);
    }
}

/// Makes the close of `stream` a reset.
fn abort(stream: &TcpStream) {
    stream.set_zero_linger().ok();
}
