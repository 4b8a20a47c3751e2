//! Decisions of recent requests, for `explain`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use atp_protocol::ids::{RequestId, TenantId};
use atp_routing::plan::Decision;
use atp_routing::session::AuditRecord;

/// How one request was decided, and what became of it.
#[derive(Clone)]
pub struct Explained {
    /// The request.
    pub request: RequestId,
    /// Whose it was.
    pub tenant: TenantId,
    /// The decision; written out when asked for.
    pub decision: Arc<Decision>,
    /// Lanes with their outcomes and timings, once it ended.
    pub audit: Option<Arc<AuditRecord>>,
}

/// The last decisions of a node; the oldest is forgotten first.
pub struct Decisions {
    recent: Mutex<VecDeque<Explained>>,
    max: usize,
}

impl Decisions {
    /// Keeps `max` decisions.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            recent: Mutex::new(VecDeque::with_capacity(max)),
            max,
        }
    }

    pub(super) fn remember(&self, explained: Explained) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == self.max {
            recent.pop_front();
        }
        recent.push_back(explained);
    }

    pub(super) fn ended(&self, request: &RequestId, audit: Arc<AuditRecord>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = recent
            .iter_mut()
            .rev()
            .find(|explained| explained.request == *request)
        {
            found.audit = Some(audit);
        }
    }

    /// The decision of a request.
    #[must_use]
    pub fn get(&self, request: &RequestId) -> Option<Explained> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent
            .iter()
            .rev()
            .find(|explained| explained.request == *request)
            .cloned()
    }
}
