//! What a connection offers, and what it goes by once that is agreed (atp.md section 8).

use atp_protocol::connection::Output;
use atp_protocol::container::compressed::Algorithm;
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::frame::{Frame, Nonce, Stamp};
use atp_protocol::hello::{Greeting, Hello, HelloAck, Level, Offer, Role, negotiate};
use atp_protocol::payload::Kind;
use atp_protocol::units::{Tier, Window};

use super::actor::Connection;
use crate::spans;

impl Connection {
    /// Looks at a hello before anything else does: which session it names, and whether it is fresh where it has to be
    /// (atp.md 8.1 and section 14). Clients of a dialect, which say none of their own, are asked for nothing.
    ///
    /// # Errors
    /// `EREPLAY`, with which the hello is refused.
    pub(super) fn greeted(&mut self, frame: &Frame<'_>, stamp: &Stamp) -> Result<(), Fault> {
        let is_first = self.machine.profile().is_legacy;
        if frame.payload.kind != Some(Kind::Hello) || !is_first {
            return Ok(());
        }
        if frame.session_id.as_str() != "-" {
            self.named_session = Some(frame.session_id.clone());
        }
        if !self.settings.needs_fresh_hello || self.is_shimmed() {
            return Ok(());
        }
        let (Some(nonce), Some(_)) = (&stamp.nonce, stamp.ts) else {
            let detail =
                "replay: a hello needs nonce and ts here; send a nonce of your own and the time in Unix ms";
            return Err(Fault::new(Code::Replay, detail).scoped(Scope::Connection));
        };
        let nonce = Nonce {
            kid: None,
            nonce,
            ts: stamp.ts,
        };
        let (world, tenant) = (&self.router.world, &self.identity.tenant);
        let nonces = &self.router.shared.nonces;
        nonces
            .check(world.now(), world.clock.unix(), tenant, &nonce)
            .map_err(|fault| fault.scoped(Scope::Connection))
    }

    /// Answers what the peer proposes.
    pub(super) fn agree(&mut self, hello: &Hello) -> Vec<Output> {
        let features = [
            "nack",
            "lean",
            "frag_last",
            "provisional",
            "parallel",
            "status",
            "ecn",
            "trace",
            "checksum",
            "nonce",
            "resume",
        ];
        // Streams of agents are the router's, which goes to another agent instead.
        let is_offered = |name: &&str| *name != "resume" || hello.role == Role::Client;
        let offer = Offer {
            version: "1.1".to_owned(),
            encodings: vec!["json".to_owned(), "cbor".to_owned()],
            compressions: vec!["zstd".to_owned(), "deflate".to_owned()],
            features: features
                .iter()
                .copied()
                .filter(is_offered)
                .map(|name| (name.to_owned(), true))
                .collect(),
            qos_allowed: Tier::ALL
                .into_iter()
                .filter(|tier| *tier >= self.identity.tier_max)
                .collect(),
            // There are no links between routers.
            roles: vec![Role::Client, Role::Agent],
            limits: self.limits,
        };
        let agreed = match negotiate(hello, &offer) {
            Ok(agreed) => agreed,
            Err(refusal) => return self.machine.refuse_hello(&refusal.into()),
        };
        let session = self.named_session.take().unwrap_or_else(|| {
            let owners = &self.router.shared.owners;
            owners.mint_session(&self.router.world, &self.identity.tenant)
        });
        let ack = agreed.ack(Greeting {
            session_id: session,
            qos_allowed: offer.qos_allowed,
            window: Window::MAX,
            router_id: self.settings.router_id.clone(),
            server_time: self.router.world.clock.unix(),
            resume_ttl_ms: match agreed.features.has("resume") {
                true => self.router.shared.streams.settings().ttl_ms,
                false => 0,
            },
            level: Level::Core,
        });
        self.role = agreed.role;
        self.elsewhere.hello = Some(hello.clone());
        if agreed.role != Role::Client {
            self.machine.keep_when_idle();
        }
        let now = self.now();
        self.machine.agree(now, ack)
    }

    /// The answer went out as the hello came; what a subprotocol fixed stays.
    pub(super) fn agreed(&mut self, ack: &HelloAck) {
        spans::connection::agreed(&self.span, ack);
        self.is_cbor = self.settings.is_cbor || ack.encoding == "cbor";
        self.is_lean = ack.features.has("lean");
        self.pacing.agreed(ack);
        self.required.nonce = ack.features.has("nonce");
        self.required.checksum = ack.features.has("checksum");
        self.compression = ack.compression.as_deref().and_then(Algorithm::parse);
    }
}
