//! What adapters say a request would cost, asked before its plan is settled (atp.md 17.1).

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_protocol::estimate::Estimate;
use atp_protocol::ids::AdapterId;
use atp_protocol::request::AgentRequest;
use atp_routing::fib::Candidate;
use atp_routing::plan::Decision;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::Router;
use crate::adapter::Call;

/// Answers, by adapter and model.
#[derive(Default)]
pub(super) struct Estimates(BTreeMap<(AdapterId, Arc<str>), Estimate>);

impl Estimates {
    /// Asks whoever estimates among those a decision chose from, all at once. Who does not answer in time, or not with an
    /// estimate, is counted, and the router's own estimate stands.
    pub(super) async fn ask(router: &Rc<Router>, request: &Arc<AgentRequest>, decision: &Decision) -> Self {
        let estimators = decision.estimators();
        // An estimate is of one answer.
        if estimators.is_empty() || request.choices > 1 || router.settings.estimate_ms == 0 {
            return Self::default();
        }
        let asking = estimators.iter().map(|candidate| one(router, request, candidate));
        let answers = join_all(asking).await;
        let named = estimators.iter().zip(answers).filter_map(|(candidate, answer)| {
            let name = (candidate.adapter.clone(), Arc::clone(&candidate.model));
            Some((name, answer?))
        });
        Self(named.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the candidate's adapter said of its model.
    pub(super) fn of(&self, candidate: &Candidate) -> Option<&Estimate> {
        // Most decisions have none: their names are not even put together.
        if self.is_empty() {
            return None;
        }
        self.0
            .get(&(candidate.adapter.clone(), Arc::clone(&candidate.model)))
    }
}

async fn one(router: &Rc<Router>, request: &Arc<AgentRequest>, candidate: &Candidate) -> Option<Estimate> {
    let directory = &router.registry.directory;
    let endpoint = directory.get(&request.identity.tenant, &candidate.adapter)?;
    let estimate_ms = router.settings.estimate_ms;
    let call = Call {
        deadline_ms: estimate_ms,
        ..Call::new(Arc::clone(request), Arc::clone(&candidate.model))
    };
    let asked = router.adapter(&endpoint).estimate(&call);
    match timeout(Duration::from_millis(estimate_ms), asked).await {
        Ok(Ok(estimate)) => Some(estimate),
        Ok(Err(_)) | Err(_) => {
            endpoint.series.estimate_fallbacks.increment(1);
            None
        }
    }
}
