//! Ending a node, in order: so that whatever it was asked is answered.
//!
//! | | who asks it for work | who connects |
//! |---|---|---|
//! | it hands over what it leads | is served | is taken |
//! | for [`NOTICE`], and until its own work is done | is passed on, and told to go elsewhere | is taken |
//! | for [`LAST_CALL`], and until nothing is on its way through it | is passed on | turns elsewhere |
//! | it closes its connections | | turns elsewhere |
//!
//! A node by itself has nobody to pass work on to: it refuses what comes, and waits for nothing but its own.

use std::future::Future;
use std::time::Duration;

use tracing::warn;

use super::{HANDING_OVER, NodeHandle};

/// How long streams that were cut may take to settle, beside what is read on for usage.
pub(super) const SETTLING: Duration = Duration::from_secs(5);

/// How long clients of a member are told that it leaves before it does.
const NOTICE: Duration = Duration::from_secs(1);

/// How long a client that has connected may take to send its request, once nobody else can connect.
const LAST_CALL: Duration = Duration::from_millis(250);

/// How long clients may take for the last bytes of their replies.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl NodeHandle {
    /// Resolves with the reason when the node must stop by itself: its disk failed, so that it can no longer keep what it would promise, or a
    /// group of it met what this release does not read.
    pub fn failed(&self) -> impl Future<Output = String> + 'static {
        self.running.ended()
    }

    /// Ends in order: hands over what it leads, refuses new work or passes it on, lets what runs finish within the drain time, cuts and settles the
    /// rest, closes the connections, writes a snapshot of the ledger and closes the audit log.
    pub async fn stop(self) {
        // Who is sent here for what this node leads is served until others lead it.
        self.meta.cluster.leave(HANDING_OVER.min(self.drain)).await;
        self.meta.drain();
        let is_alone = self.meta.cluster.place.is_alone;
        if !is_alone {
            tokio::time::sleep(NOTICE.min(self.drain)).await;
        }
        self.finish().await;
        self.closing.send_replace(true);
        if !is_alone {
            tokio::time::sleep(LAST_CALL.min(self.drain)).await;
            let load = &self.shared.load;
            if !holds_within(self.drain, || load.is_idle()).await {
                warn!("drain time is over; what is on its way to others is cut");
            }
        }
        self.meta.leave();
        self.stop.send_replace(true);
        // Who does not read loses the end of its reply.
        if tokio::time::timeout(LAST_WORDS, self.stop.closed())
            .await
            .is_err()
        {
            warn!("not all connections have closed; they are cut");
        }
        if let Err(fault) = self.meta.ledger.stop().await {
            warn!(%fault, "what was spent is kept in the journal; the next start reports it");
        }
        self.decisions.flush(LAST_WORDS).await;
        self.shared.sessions.close();
        self.auditor.stop();
        drop(self.exec);
        drop(self.meta);
        self.running.stop().await;
        if let Some(arbiters) = self.arbiters {
            arbiters.stop();
        }
    }

    /// Waits until what runs here has ended, and cuts what takes longer than it may.
    async fn finish(&self) {
        let load = &self.shared.load;
        let has_ended = || load.streams() == 0;
        if holds_within(self.drain, has_ended).await {
            return;
        }
        warn!(
            streams = load.streams(),
            "drain time is over; what still runs is cut"
        );
        load.cut();
        if !holds_within(self.settling, has_ended).await {
            warn!(
                streams = load.streams(),
                "not all streams settled; their holds lapse with budget.hold_ttl_ms"
            );
        }
    }
}

/// Waits until `holds`; false after `time`.
async fn holds_within(time: Duration, holds: impl Fn() -> bool) -> bool {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(time, waiting).await.is_ok()
}
