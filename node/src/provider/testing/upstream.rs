//! A scripted upstream: the n-th request gets the n-th reply, in the pieces and with the end it is given.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// What the upstream does with one request.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct Script {
    pieces: Vec<Vec<u8>>,
    end: End,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum End {
    /// Waits for the next request on the connection.
    #[default]
    Keep,
    Close,
    /// Sends nothing more until the other side goes away.
    Stall,
}

impl Script {
    pub(in crate::provider) fn raw(text: &str) -> Self {
        Self {
            pieces: vec![text.as_bytes().to_vec()],
            end: End::Keep,
        }
    }

    /// A reply in one piece.
    pub(in crate::provider) fn json(status: &str, body: &str) -> Self {
        let len = body.len();
        Self::raw(&format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
        ))
    }

    /// A streamed reply, each piece in a transfer chunk of its own.
    pub(in crate::provider) fn stream<T: AsRef<[u8]>>(pieces: &[T]) -> Self {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = |piece: &T| {
            let piece = piece.as_ref();
            [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
        };
        let mut all = vec![head.to_vec()];
        all.extend(pieces.iter().map(chunk));
        all.push(b"0\r\n\r\n".to_vec());
        Self {
            pieces: all,
            end: End::Keep,
        }
    }

    /// The same without the end of the transfer, and then the connection is closed.
    pub(in crate::provider) fn cut(mut self) -> Self {
        self.pieces.pop();
        self.end = End::Close;
        self
    }

    /// The same without the end of the transfer, and then silence.
    pub(in crate::provider) fn stalled(mut self) -> Self {
        self.pieces.pop();
        self.end = End::Stall;
        self
    }

    /// Closes the connection after the reply without having announced it.
    pub(in crate::provider) fn closed(mut self) -> Self {
        self.end = End::Close;
        self
    }

    /// Silence from the beginning.
    pub(in crate::provider) fn silent() -> Self {
        Self {
            pieces: Vec::new(),
            end: End::Stall,
        }
    }
}

/// What the upstream saw.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct Seen {
    pub(in crate::provider) requests: Vec<Request>,
    pub(in crate::provider) connections: usize,
    /// Connections the other side closed.
    pub(in crate::provider) hangups: usize,
}

#[derive(Debug, Clone)]
pub(in crate::provider) struct Request {
    pub(in crate::provider) line: String,
    pub(in crate::provider) headers: HeaderMap,
    pub(in crate::provider) body: Vec<u8>,
}

impl Request {
    pub(in crate::provider) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(in crate::provider) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(in crate::provider) struct Upstream {
    port: u16,
    seen: watch::Receiver<Seen>,
}

impl Upstream {
    pub(in crate::provider) async fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut scripts: Vec<_> = scripts.into_iter().collect();
        scripts.reverse();
        let scripts = Arc::new(Mutex::new(scripts));
        let (note, seen) = watch::channel(Seen::default());
        spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                note.send_modify(|seen| seen.connections += 1);
                spawn(serve(connection, Arc::clone(&scripts), note.clone()));
            }
        });
        Self { port, seen }
    }

    pub(in crate::provider) fn url(&self, path: &str) -> http::Uri {
        format!("http://127.0.0.1:{}{path}", self.port).parse().unwrap()
    }

    pub(in crate::provider) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until the upstream has seen something.
    pub(in crate::provider) async fn until(&self, what: &str, seen: impl Fn(&Seen) -> bool) {
        let mut watching = self.seen.clone();
        let waiting = watching.wait_for(seen);
        timeout(Duration::from_secs(5), waiting)
            .await
            .unwrap_or_else(|_| panic!("not seen: {what}"))
            .unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the far side of the wire, which no product code runs"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

async fn serve(mut connection: TcpStream, scripts: Arc<Mutex<Vec<Script>>>, note: watch::Sender<Seen>) {
    connection.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read_request(&mut connection, &mut buffer).await else {
            note.send_modify(|seen| seen.hangups += 1);
            return;
        };
        note.send_modify(|seen| seen.requests.push(request));
        let script = scripts
            .lock()
            .unwrap()
            .pop()
            .expect("no script left for this request");
        for piece in script.pieces {
            if connection.write_all(&piece).await.is_err() {
                note.send_modify(|seen| seen.hangups += 1);
                return;
            }
            // Lets the reader run, so that pieces are mostly seen one by one.
            tokio::task::yield_now().await;
        }
        match script.end {
            End::Keep => {}
            End::Close => return,
            End::Stall => {
                let _ = connection.read(&mut [0; 1]).await;
                note.send_modify(|seen| seen.hangups += 1);
                return;
            }
        }
    }
}

async fn read_request(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let head = loop {
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            break end;
        }
        if connection.read_buf(buffer).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    let text = String::from_utf8(buffer.drain(..head + 4).collect()).unwrap();
    let mut lines = text.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: HeaderMap = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (
                name.parse::<http::HeaderName>().unwrap(),
                value.parse::<http::HeaderValue>().unwrap(),
            )
        })
        .collect();
    let len = headers
        .get("content-length")
        .map_or(0, |len| len.to_str().unwrap().parse().unwrap());
    while buffer.len() < len {
        if connection.read_buf(buffer).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    let body = buffer.drain(..len).collect();
    Some(Request { line, headers, body })
}
