//! What every handler of an arbiter shares.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use arc_swap::ArcSwap;
use atp_actors::environment::World;
use atp_actors::session::Router;

use crate::auth::FrameCheck;
use crate::meta::Meta;
use crate::relay::{Arrival, Relay};
use crate::telemetry::Exposition;

/// Limits and habits of the surfaces, from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of this node.
    pub router_id: String,
    /// What may change while the node runs.
    pub adjustable: Arc<ArcSwap<Adjustable>>,
    /// Longest wait for a body.
    pub read_timeout: Duration,
    /// Accept `?api_key=`.
    pub query_api_key: bool,
    /// Figures are told without a key.
    pub open_metrics: bool,
    /// Largest ATP frame in bytes.
    pub frame_bytes: usize,
    /// Open streams of a WebSocket may go on for so long when the node leaves, in milliseconds.
    pub drain_ms: u64,
    /// A WebSocket that takes nothing for so long has left.
    pub write_stall: Duration,
    /// A hello on `/ws` must carry a fresh nonce and the time.
    pub needs_fresh_hello: bool,
    /// Client dialects are accepted on `/ws`.
    pub accepts_dialects: bool,
}

/// Limits and habits that may change while the node runs. A request keeps what it began with, a WebSocket too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adjustable {
    /// Largest body in bytes.
    pub max_body_bytes: usize,
    /// Answer an exhausted budget with 429.
    pub budget_429: bool,
    /// Deadline of a request that names none, in milliseconds.
    pub request_ms: u64,
}

impl Settings {
    /// Those that may change, as they are.
    #[must_use]
    pub fn adjusted(&self) -> Adjustable {
        **self.adjustable.load()
    }
}

/// Shared by the handlers of one arbiter.
#[derive(Clone)]
pub struct Surface {
    /// Clock, randomness, figures.
    pub world: World,
    /// Opens requests on this arbiter.
    pub router: Rc<Router>,
    /// Keys, policy, accounts.
    pub meta: Arc<Meta>,
    /// Figures as text.
    pub exposition: Arc<Exposition>,
    /// Limits and habits.
    pub settings: Arc<Settings>,
    /// What signed frames are verified with.
    pub frames: Arc<FrameCheck>,
    /// The way to sessions of other owners; `None` for a node by itself.
    pub relay: Option<Rc<Relay>>,
    /// How requests come to this surface.
    pub arrival: Arrival,
}

impl Surface {
    /// The surface that serves `request`.
    pub(crate) fn of(request: &HttpRequest) -> Rc<Self> {
        Rc::clone(
            request
                .app_data::<Rc<Self>>()
                .expect("every arbiter's application carries its surface"),
        )
    }
}
