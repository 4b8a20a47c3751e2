//! What is put on record for whoever asks later (atp.md 27.3): names, codes and figures, never content or secrets.

use std::sync::Arc;

use atp_protocol::error::{Code, Scope};
use atp_protocol::ids::{AccountId, LaneId, RequestId, SessionId, StreamId, TenantId};
use atp_protocol::request::AgentRequest;
use atp_protocol::units::{Tier, UnixMillis, Window};
use atp_protocol::value::{Value, canonical};
use serde::Serialize;

use crate::budget::Limits;
use crate::policy::Trigger;
use crate::session::AuditRecord;

/// Whom something happened to, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// The tenant of the credential.
    pub tenant: TenantId,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The stream in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// The request on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
}

impl Subject {
    /// A request.
    #[must_use]
    pub fn request(request: &AgentRequest) -> Self {
        Self {
            stream: Some(request.stream.clone()),
            request: Some(request.id.clone()),
            ..Self::session(&request.identity.tenant, Some(&request.session))
        }
    }

    /// A session, where there is one, or its connection.
    #[must_use]
    pub fn session(tenant: &TenantId, session: Option<&SessionId>) -> Self {
        Self {
            tenant: tenant.clone(),
            session: session.cloned(),
            stream: None,
            request: None,
        }
    }
}

/// Why a session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// Nobody used it for its time to live, or others needed its place more.
    Idle,
    /// The node stops.
    Stopping,
}

/// What happened. Names and members are a disk format: they may be added to, never changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event")]
pub enum Event {
    /// The node serves. A session open before it and not closed ended with the process.
    #[serde(rename = "node.start")]
    NodeStarted {
        /// Its name.
        node: Arc<str>,
        /// Its release.
        version: &'static str,
        /// Torn bytes cut off the end of this log.
        cut_bytes: u64,
    },
    /// The node has stopped in order.
    #[serde(rename = "node.stop")]
    NodeStopped,
    /// Records were not kept: they came faster than the disk took them, or it was full.
    #[serde(rename = "audit.gap")]
    Gap {
        /// How many.
        lost: u64,
    },
    /// A session that others may come back to was used first.
    #[serde(rename = "session.open")]
    SessionOpened(Subject),
    /// The session is known no more.
    #[serde(rename = "session.close")]
    SessionClosed {
        /// Which.
        #[serde(flatten)]
        subject: Subject,
        /// Why.
        reason: Closed,
    },
    /// A session's window changed.
    #[serde(rename = "session.window")]
    WindowChanged {
        /// Whose.
        #[serde(flatten)]
        subject: Subject,
        /// What it was.
        before: Window,
        /// What it is.
        after: Window,
    },
    /// A session suddenly spends much faster than before (atp.md 17.3).
    #[serde(rename = "budget.spike")]
    SpendingSpiked(Subject),
    /// A better lane was asked.
    #[serde(rename = "stream.escalate")]
    Escalated {
        /// For which request.
        #[serde(flatten)]
        subject: Subject,
        /// The lane.
        lane: LaneId,
        /// Why.
        trigger: Trigger,
    },
    /// A request gave way to another.
    #[serde(rename = "stream.preempt")]
    Preempted {
        /// Which.
        #[serde(flatten)]
        subject: Subject,
        /// Its tier.
        tier: Tier,
    },
    /// Something ended with an error, at least a stream.
    #[serde(rename = "error")]
    Failed {
        /// What.
        #[serde(flatten)]
        subject: Subject,
        /// With which error.
        code: Code,
        /// What of it ended.
        scope: Scope,
    },
    /// Several lanes became one answer, or failed to.
    #[serde(rename = "reconcile")]
    Reconciled {
        /// Whose request it was.
        tenant: TenantId,
        /// How.
        record: Arc<AuditRecord>,
    },
    /// An account was made, or its limits replaced.
    #[serde(rename = "account.set")]
    AccountSet {
        /// Which.
        account: AccountId,
        /// The account around it.
        parent: Option<AccountId>,
        /// What it may spend in all.
        limits: Limits,
    },
    /// An account was deleted.
    #[serde(rename = "account.delete")]
    AccountDeleted {
        /// Which.
        account: AccountId,
    },
    /// A key was made.
    #[serde(rename = "key.make")]
    KeyMade {
        /// Its id.
        key_id: Arc<str>,
        /// What it spends from.
        account: AccountId,
    },
    /// A key was revoked.
    #[serde(rename = "key.revoke")]
    KeyRevoked {
        /// Its id.
        key_id: Arc<str>,
        /// What it spent from.
        account: AccountId,
    },
    /// A configuration key was changed for the whole cluster.
    #[serde(rename = "setting.change")]
    SettingChanged {
        /// Which.
        setting: Arc<str>,
        /// What it is; absent where it is each node's own again.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<Arc<str>>,
    },
    /// A backup of the cluster was taken: keys by hash, finals and all that clients were told to come back for are in it.
    #[serde(rename = "cluster.backup")]
    BackupTaken {
        /// Its length in bytes.
        bytes: u64,
    },
    /// A frame was not signed as it must be (`EAUTH`), or came twice or too late (`EREPLAY`).
    #[serde(rename = "frame.refuse")]
    FrameRefused {
        /// Who sent it.
        #[serde(flatten)]
        subject: Subject,
        /// Which of both.
        code: Code,
    },
}

/// An event and its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// When, by the node's clock.
    pub at_ms: UnixMillis,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

impl Entry {
    /// The entry as one line of canonical JSON (atp.md 4.1), without its line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Value::Object(members) = Value::of(self) else {
            unreachable!("a struct is an object");
        };
        canonical::ascii(&members, &[]).expect("JSON holds no byte strings")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_line_of_canonical_json() {
        let tenant = TenantId::new("acme").unwrap();
        let session = SessionId::new("s1").unwrap();
        let entry = Entry {
            at_ms: UnixMillis(5),
            event: Event::Failed {
                subject: Subject::session(&tenant, Some(&session)),
                code: Code::Budget,
                scope: Scope::Stream,
            },
        };
        assert_eq!(
            entry.to_json(),
            r#"{"at_ms":5,"code":"EBUDGET","event":"error","scope":"stream","session":"s1","tenant":"acme"}"#
        );
        let started = Entry {
            at_ms: UnixMillis(6),
            event: Event::NodeStarted {
                node: "b\u{fc}ro\n\"1\"".into(),
                version: "0.1.0",
                cut_bytes: 0,
            },
        };
        assert_eq!(
            started.to_json(),
            r#"{"at_ms":6,"cut_bytes":0,"event":"node.start","node":"b\u00fcro\n\"1\"","version":"0.1.0"}"#
        );
    }
}
