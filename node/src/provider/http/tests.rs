//! The pool over in-memory streams, where every byte in flight can be counted.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Uri};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, yield_now};

use super::{Dial, HttpDial, Io, Pool, PoolLimits, SendError};

/// Hands out prepared streams, the last one first.
struct Prepared(Mutex<Vec<DuplexStream>>);

impl Dial for Prepared {
    fn dial(&self, _: Uri) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
        let next = self.0.lock().unwrap().pop();
        let io = next.map(|stream| Box::new(TokioIo::new(stream)) as Box<dyn Io>);
        async move { io.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()) }.boxed()
    }
}

const LIMITS: PoolLimits = PoolLimits {
    slot_wait: Duration::from_millis(20),
    connect: Duration::from_secs(1),
    idle: 2,
    idle_time: Duration::from_secs(60),
};

/// A pool and the far ends of the connections it will open, in order.
fn pool(connections: usize, limits: PoolLimits) -> (Rc<Pool>, Vec<DuplexStream>) {
    let (mut near, far): (Vec<_>, Vec<_>) = (0..connections).map(|_| tokio::io::duplex(1_024)).unzip();
    near.reverse();
    let origin = Uri::from_static("http://upstream/");
    let dial = Arc::new(Prepared(Mutex::new(near)));
    (Pool::new(origin, dial, limits, Arc::new(Semaphore::new(2))), far)
}

fn request() -> Request<Full<Bytes>> {
    Request::get("/")
        .header("host", "upstream")
        .body(Full::default())
        .unwrap()
}

async fn answer(far: &mut DuplexStream, reply: &[u8]) {
    let mut head = [0; 512];
    assert!(far.read(&mut head).await.unwrap() > 0);
    far.write_all(reply).await.unwrap();
}

const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_reader_that_stops_reading_stops_the_upstream() {
    const BODY: usize = 4 * 1024 * 1024;
    let (pool, mut far) = pool(1, LIMITS);
    let mut far = far.remove(0);
    let written = Rc::new(Cell::new(0));
    let counted = Rc::clone(&written);
    let local = LocalSet::new();
    local.spawn_local(async move {
        answer(
            &mut far,
            format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n").as_bytes(),
        )
        .await;
        while counted.get() < BODY {
            far.write_all(&[b'x'; 1_024]).await.unwrap();
            counted.set(counted.get() + 1_024);
        }
    });
    local
        .run_until(async {
            let mut reply = pool.send(request).await.unwrap();
            let mut read = reply.piece().await.unwrap().unwrap().len();
            for _ in 0..10_000 {
                yield_now().await;
            }
            let in_flight = written.get() - read;
            assert!(in_flight < 64 * 1024, "{in_flight} bytes were read ahead");
            while let Some(piece) = reply.piece().await.unwrap() {
                read += piece.len();
            }
            assert_eq!(read, BODY);
        })
        .await;
}

#[tokio::test]
async fn a_dropped_reply_closes_its_connection() {
    let (pool, mut far) = pool(1, LIMITS);
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx";
    let (reply, ()) = tokio::join!(pool.send(request), answer(&mut far[0], head));
    drop(reply.unwrap());
    assert_eq!(far[0].read(&mut [0; 16]).await.unwrap(), 0, "end of stream");
}

#[tokio::test]
async fn a_connection_that_breaks_before_a_reply_is_tried_once_more_if_it_was_kept() {
    let (pool, mut far) = pool(3, LIMITS);
    let (reply, ()) = tokio::join!(pool.send(request), answer(&mut far[0], EMPTY));
    assert_eq!(reply.unwrap().piece().await.unwrap(), None);

    // The kept connection takes the request and breaks; the second one answers.
    let mut first = far.remove(0);
    let breaking = async move { first.read(&mut [0; 512]).await.map(drop) };
    let (reply, broken, ()) = tokio::join!(pool.send(request), breaking, answer(&mut far[0], EMPTY));
    broken.unwrap();
    drop(reply.unwrap());

    // A connection of its own that breaks is not tried again.
    let mut third = far.remove(1);
    let breaking = async move { third.read(&mut [0; 512]).await.map(drop) };
    let (reply, broken) = tokio::join!(pool.send(request), breaking);
    broken.unwrap();
    assert!(matches!(reply, Err(SendError::Broken(_))));
}

#[tokio::test(start_paused = true)]
async fn connections_are_kept_up_to_a_number_and_an_age() {
    let (pool, mut far) = pool(3, PoolLimits { idle: 1, ..LIMITS });
    let [one, two, three] = &mut far[..] else {
        panic!("three connections")
    };
    let (first, ()) = tokio::join!(pool.send(request), answer(one, EMPTY));
    let (second, ()) = tokio::join!(pool.send(request), answer(two, EMPTY));
    for mut reply in [first.unwrap(), second.unwrap()] {
        assert_eq!(reply.piece().await.unwrap(), None);
    }
    assert_eq!(one.read(&mut [0; 16]).await.unwrap(), 0, "the elder one gave way");
    tokio::time::advance(LIMITS.idle_time + Duration::from_secs(1)).await;
    pool.close_aged();
    assert_eq!(
        two.read(&mut [0; 16]).await.unwrap(),
        0,
        "the other one grew too old"
    );
    let (reply, ()) = tokio::join!(pool.send(request), answer(three, EMPTY));
    drop(reply.unwrap());
}

#[tokio::test(start_paused = true)]
async fn slots_are_counted_until_the_reply_is_over() {
    let (pool, mut far) = pool(3, LIMITS);
    let (one, rest) = far.split_at_mut(1);
    let (first, ()) = tokio::join!(pool.send(request), answer(&mut one[0], EMPTY));
    let (second, ()) = tokio::join!(pool.send(request), answer(&mut rest[0], EMPTY));
    assert!(matches!(pool.send(request).await, Err(SendError::Full)));
    assert_eq!(first.unwrap().piece().await.unwrap(), None);
    let (third, ()) = tokio::join!(pool.send(request), answer(&mut one[0], EMPTY));
    drop((second, third.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn connecting_ends() {
    struct Never;
    impl Dial for Never {
        fn dial(&self, _: Uri) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
            std::future::pending().boxed()
        }
    }
    let pool = Pool::new(
        Uri::from_static("http://upstream/"),
        Arc::new(Never),
        LIMITS,
        Arc::new(Semaphore::new(1)),
    );
    assert!(matches!(pool.send(request).await, Err(SendError::Connect(_))));
}

#[tokio::test]
async fn tls_is_spoken_where_the_scheme_says_so_and_the_certificate_is_checked() {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = async {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            if let Ok(mut tls) = acceptor.accept(tcp).await {
                assert!(tls.read(&mut [0; 512]).await.unwrap() > 0);
                tls.write_all(EMPTY).await.unwrap();
            }
        }
    };

    let mut roots = rustls::RootCertStore::empty();
    roots.add(signed.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let origin: Uri = format!("https://localhost:{port}/").parse().unwrap();
    let pool = |dial: HttpDial| {
        Pool::new(
            origin.clone(),
            Arc::new(dial),
            LIMITS,
            Arc::new(Semaphore::new(1)),
        )
    };
    let (trusting, doubting) = (pool(HttpDial::with_tls(client)), pool(HttpDial::plaintext()));
    let asking = async {
        assert_eq!(trusting.send(request).await.unwrap().status(), 200);
        assert!(matches!(doubting.send(request).await, Err(SendError::Connect(_))));
    };
    futures_util::future::select(Box::pin(serving), Box::pin(asking)).await;
}
