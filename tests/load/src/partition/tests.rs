//! Each fault between two ends of a connection.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use super::*;
use crate::clock;

/// Long enough for loopback on a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// What does not arrive within this does not pass.
const LONG: Duration = Duration::from_millis(150);

fn with_network<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs no more than descriptors");
    LocalSet::new().block_on(&runtime, test())
}

/// A connection to member 2 through its proxy, both of its ends, and the board. This process is member `own`.
async fn connected(own: usize) -> (TcpStream, TcpStream, Board, SocketAddr) {
    let member = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = free.local_addr().unwrap();
    drop(free);
    let (board, origins) = (Board::default(), Origins::default());
    if own > 0 {
        origins.set(own, Some(std::process::id()));
    }
    let link = Link {
        listen,
        target: member.local_addr().unwrap(),
    };
    serve(link, 2, board.clone(), origins).await.unwrap();
    let dialler = TcpStream::connect(listen).await.unwrap();
    let (target, _) = timeout(SOON, member.accept()).await.unwrap().unwrap();
    spawn_local(async move { while member.accept().await.is_ok() {} });
    (dialler, target, board, listen)
}

async fn arrives(from: &mut TcpStream, to: &mut TcpStream, text: &str) {
    from.write_all(text.as_bytes()).await.unwrap();
    read(to, text).await;
}

async fn read(to: &mut TcpStream, text: &str) {
    let mut read = vec![0; text.len()];
    timeout(SOON, to.read_exact(&mut read)).await.unwrap().unwrap();
    assert_eq!(read, text.as_bytes());
}

#[test]
fn a_hole_in_one_direction_leaves_the_other_and_loses_nothing() {
    with_network(async || {
        let (mut dialler, mut target, board, _) = connected(1).await;
        arrives(&mut dialler, &mut target, "before").await;
        board.set(1, 2, Fault::Hole);
        dialler.write_all(b"during").await.unwrap();
        arrives(&mut target, &mut dialler, "back").await;
        assert!(
            timeout(LONG, target.peek(&mut [0])).await.is_err(),
            "it passed the hole"
        );
        board.heal();
        read(&mut target, "during").await;
    });
}

#[test]
fn a_hole_hides_the_end_of_a_connection() {
    with_network(async || {
        let (dialler, mut target, board, _) = connected(1).await;
        board.set(1, 2, Fault::Hole);
        drop(dialler);
        assert!(
            timeout(LONG, target.peek(&mut [0])).await.is_err(),
            "the end passed the hole"
        );
        board.heal();
        let end = timeout(SOON, target.read(&mut [0])).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)));
    });
}

#[test]
fn who_is_not_known_is_member_0() {
    with_network(async || {
        let (mut dialler, mut target, board, _) = connected(0).await;
        board.set(1, 2, Fault::Hole);
        arrives(&mut dialler, &mut target, "passes").await;
        board.set(0, 2, Fault::Hole);
        dialler.write_all(b"held").await.unwrap();
        assert!(
            timeout(LONG, target.peek(&mut [0])).await.is_err(),
            "it passed the hole"
        );
    });
}

#[test]
fn a_reset_ends_connections_and_refuses_others() {
    with_network(async || {
        let (mut dialler, mut target, board, listen) = connected(1).await;
        board.set(2, 1, Fault::Reset);
        for end in [&mut dialler, &mut target] {
            let outcome = timeout(SOON, end.read(&mut [0])).await.unwrap();
            assert_eq!(outcome.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        }
        let mut next = TcpStream::connect(listen).await.unwrap();
        assert!(timeout(SOON, next.read(&mut [0])).await.unwrap().is_err());
    });
}

#[test]
fn a_delay_keeps_the_order() {
    with_network(async || {
        let (mut dialler, mut target, board, _) = connected(1).await;
        board.set(1, 2, "delay 60 40".parse().unwrap());
        let start = clock::now();
        for piece in ["one ", "two ", "three"] {
            dialler.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        read(&mut target, "one two three").await;
        assert!(clock::now() - start >= Duration::from_millis(20));
    });
}

#[test]
fn a_throttle_takes_its_time() {
    with_network(async || {
        let (mut dialler, mut target, board, _) = connected(1).await;
        board.set(1, 2, "throttle 10000".parse().unwrap());
        let start = clock::now();
        arrives(&mut dialler, &mut target, &"x".repeat(2_000)).await;
        assert!(clock::now() - start >= Duration::from_millis(150));
    });
}

#[test]
fn a_line_that_is_not_understood_says_why() {
    let board = Board::default();
    obey(&board, "1 2 hole").unwrap();
    obey(&board, "heal").unwrap();
    for line in ["", "1 2", "1 2 fire", "1 2 delay", "a 2 hole"] {
        assert!(obey(&board, line).is_err(), "{line}");
    }
}
