//! A scripted upstream for tests: the n-th request gets the n-th reply, in the pieces and with the end it is given.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use atp_actors::adapter::{Adapter, AdapterFactory, Call, Form, LaneEvent, LaneFinal};
use atp_protocol::adapter::{Capability, UsageMode};
use atp_protocol::error::Fault;
use atp_protocol::ids::{AccountId, AdapterId, LaneId, RequestId, SessionId, StreamId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Dialect, Identity, NativeBody, TaskMeta};
use atp_protocol::units::{Amount, Tier, UnixMillis};
use futures_util::StreamExt;
use http::HeaderMap;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::UnixClock;
use super::settings::{Auth, Limits, Settings, Waits};

/// What the upstream does with one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
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
    pub(super) fn raw(text: &str) -> Self {
        Self {
            pieces: vec![text.as_bytes().to_vec()],
            end: End::Keep,
        }
    }

    /// A reply in one piece.
    pub(super) fn json(status: &str, body: &str) -> Self {
        let len = body.len();
        Self::raw(&format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
        ))
    }

    /// A streamed reply, each piece in a transfer chunk of its own.
    pub(super) fn stream<T: AsRef<[u8]>>(pieces: &[T]) -> Self {
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
    pub(super) fn cut(mut self) -> Self {
        self.pieces.pop();
        self.end = End::Close;
        self
    }

    /// The same without the end of the transfer, and then silence.
    pub(super) fn stalled(mut self) -> Self {
        self.pieces.pop();
        self.end = End::Stall;
        self
    }

    /// Closes the connection after the reply without having announced it.
    pub(super) fn closed(mut self) -> Self {
        self.end = End::Close;
        self
    }

    /// Silence from the beginning.
    pub(super) fn silent() -> Self {
        Self {
            pieces: Vec::new(),
            end: End::Stall,
        }
    }
}

/// What the upstream saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) requests: Vec<Request>,
    pub(super) connections: usize,
    /// Connections the other side closed.
    pub(super) hangups: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(super) struct Upstream {
    port: u16,
    seen: watch::Receiver<Seen>,
}

impl Upstream {
    pub(super) async fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
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

    pub(super) fn url(&self, path: &str) -> http::Uri {
        format!("http://127.0.0.1:{}{path}", self.port).parse().unwrap()
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until the upstream has seen something.
    pub(super) async fn until(&self, what: &str, seen: impl Fn(&Seen) -> bool) {
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

/// Settings of a local endpoint, with waits short enough for tests of what happens when they are over.
pub(super) fn settings(base_url: http::Uri) -> Settings {
    let capability = Capability {
        adapter_id: AdapterId::new("p.test").unwrap(),
        adapter_type: "openai".to_owned(),
        capabilities: Vec::new(),
        models: vec!["m-1".to_owned()],
        max_tokens: None,
        supported_languages: Vec::new(),
        cost_per_token_micros: None,
        health_endpoint: None,
        version: None,
        metadata: None,
        qos: Vec::new(),
        max_parallel: None,
        tools: Vec::new(),
        safety_domains: Vec::new(),
        personas: Vec::new(),
        usage_mode: UsageMode::Cumulative,
        estimate: false,
    };
    Settings {
        capability: Arc::new(capability),
        base_url,
        auth: Auth::None,
        headers: HeaderMap::new(),
        api_version: None,
        limit_member: None,
        waits: Waits::default(),
        limits: Limits::default(),
    }
}

pub(super) fn clock() -> UnixClock {
    Arc::new(|| UnixMillis(0))
}

/// A call of the model `m-1` with a minute left.
pub(super) fn call(
    form: Form,
    wants_stream: bool,
    native: Option<(Dialect, &str)>,
    content: Content,
) -> Call {
    let native = native.map(|(dialect, body)| NativeBody {
        dialect,
        bytes: bytes::Bytes::copy_from_slice(body.as_bytes()),
    });
    let request = AgentRequest {
        id: RequestId::new("r1").unwrap(),
        identity: Identity {
            tenant: TenantId::new("t").unwrap(),
            account: AccountId::new("a").unwrap(),
            tier_max: Tier::Gold,
            data_scopes: None,
            is_admin: false,
        },
        session: SessionId::new("s").unwrap(),
        stream: StreamId::new("1").unwrap(),
        tier: Tier::Silver,
        window: None,
        meta: TaskMeta::default(),
        content: Arc::new(content),
        native,
        wants_stream,
        max_cost_usd_micros: None,
        deadline_ms: 60_000,
        latency_slo_ms: 2_000,
        correlation_id: "c-1".into(),
    };
    Call {
        request: Arc::new(request),
        lane: LaneId::default(),
        model: "m-1".into(),
        persona_prompt: None,
        form,
        deadline_ms: 60_000,
        budget: Amount::ZERO,
        max_output_tokens: None,
        idempotency_key: "k-1".into(),
        diversity_seed: None,
    }
}

/// Everything a call yielded.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Forwarded bytes, joined.
    pub(super) bytes: Vec<u8>,
    /// Text of the partials, joined.
    pub(super) text: String,
    pub(super) out_tokens: u32,
    pub(super) end: Option<Result<LaneFinal, Fault>>,
}

impl Outcome {
    pub(super) fn done(self) -> LaneFinal {
        self.end.expect("the call ended").expect("the call went well")
    }

    pub(super) fn fault(self) -> Fault {
        self.end.expect("the call ended").expect_err("the call failed")
    }
}

pub(super) async fn run(adapter: &Rc<dyn Adapter>, call: Call) -> Outcome {
    let mut outcome = Outcome::default();
    let mut stream = match adapter.stream(call).await {
        Ok(stream) => stream,
        Err(fault) => {
            outcome.end = Some(Err(fault));
            return outcome;
        }
    };
    while let Some(event) = stream.next().await {
        assert!(outcome.end.is_none(), "an event after the end");
        match event {
            Ok(LaneEvent::Forward {
                bytes, out_tokens, ..
            }) => {
                outcome.bytes.extend_from_slice(&bytes);
                outcome.out_tokens += out_tokens;
            }
            Ok(LaneEvent::Partial(partial)) => outcome.text.push_str(&partial.text),
            Ok(LaneEvent::Final(end)) => outcome.end = Some(Ok(end)),
            Ok(other) => panic!("unexpected {other:?}"),
            Err(fault) => outcome.end = Some(Err(fault)),
        }
    }
    outcome
}

/// Builds an instance as an arbiter does.
pub(super) fn build(factory: impl AdapterFactory) -> Rc<dyn Adapter> {
    factory.build()
}
