//! The listener: in this thread, or on one of its own for tests that share the process.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use super::stats::Books;
use super::{Options, service};

/// Connections that may wait to be accepted: a load opens thousands at once.
const BACKLOG: u32 = 4096;

/// Pause after a connection that could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);

/// Binds 127.0.0.1 at `port`.
pub fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// Serves until dropped. Runs inside a `LocalSet`.
pub async fn serve(listener: TcpListener, options: Options) -> Infallible {
    let options = Rc::new(options);
    let books = Books::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                spawn_local(connection(stream, Rc::clone(&options), books.clone()));
            }
            // Out of descriptors, or a connection that vanished: connections that end make room.
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn connection(stream: TcpStream, options: Rc<Options>, books: Books) {
    let service = service_fn(|request| {
        let (options, books) = (Rc::clone(&options), books.clone());
        async move { Ok::<_, Infallible>(service::answer(request, &options, &books).await) }
    });
    if stream.set_nodelay(true).is_err() {
        return;
    }
    // An error is the client's disconnect or a closing on request; the books have noticed either.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An upstream on a thread of its own, which ends when this is dropped.
#[derive(Debug)]
pub struct Upstream {
    /// Where it serves, such as `http://127.0.0.1:40001`.
    pub url: String,
    _stop: oneshot::Sender<Infallible>,
}

/// Starts an upstream for tests that share its process. Its books are at `GET <url>/stats`.
#[expect(clippy::disallowed_methods, reason = "a stand-in for a process of its own")]
pub fn start(options: Options) -> io::Result<Upstream> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = {
        // Not `block_on`, which a caller with a runtime of its own may not.
        let _inside = runtime.enter();
        listen(options.port)?
    };
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<Infallible>();
    std::thread::spawn(move || {
        LocalSet::new().block_on(&runtime, async move {
            tokio::select! {
                never = serve(listener, options) => match never {},
                _ = stopped => {}
            }
        });
    });
    Ok(Upstream { url, _stop: stop })
}
