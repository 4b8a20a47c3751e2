//! The keys of a node, from any arbiter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atp_protocol::error::Fault;
use atp_protocol::resume::{Begin, IdempotencyKey, IdempotencyTable, Place, RequestHash};
use atp_protocol::units::UnixMillis;

use super::outcome::Outcome;
use super::run::Run;
use super::{RepeatSettings, lost};
use crate::history::Pool;

/// Requests of a node by key.
pub(in crate::session) struct Repeats {
    inner: Mutex<Inner>,
    pool: Arc<Pool>,
}

struct Inner {
    table: IdempotencyTable<Arc<Outcome>>,
    running: BTreeMap<IdempotencyKey, Arc<Run>>,
}

/// What a request is to do.
pub(super) enum Next {
    Run(Running),
    Attach(Place, Arc<Run>),
    Replay(Arc<Outcome>),
}

impl Repeats {
    pub(in crate::session) fn new(settings: RepeatSettings, pool: &Arc<Pool>) -> Arc<Self> {
        let inner = Inner {
            table: IdempotencyTable::new(settings.ttl_ms, settings.keys_max, settings.kept_bytes),
            running: BTreeMap::new(),
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            pool: Arc::clone(pool),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(
        self: &Arc<Self>,
        now: UnixMillis,
        key: &IdempotencyKey,
        hash: RequestHash,
        place: Place,
    ) -> Result<Next, Fault> {
        let mut inner = self.inner();
        let Inner { table, running } = &mut *inner;
        match table.begin(now, key.clone(), hash, place)? {
            Begin::Attach(place) => {
                let run = running.get(key).cloned().ok_or_else(lost)?;
                Ok(Next::Attach(place, run))
            }
            Begin::Replay(outcome) => Ok(Next::Replay(outcome)),
            Begin::Run => {
                let run = Arc::new(Run::new(self.pool.share(&key.tenant)));
                running.insert(key.clone(), Arc::clone(&run));
                Ok(Next::Run(Running {
                    repeats: Arc::clone(self),
                    key: key.clone(),
                    run,
                    outcome: None,
                }))
            }
        }
    }
}

/// A request that runs under a key. However it ends, those who follow it and the key are told: as failed and free to run
/// again, unless the outcome is handed over before.
pub(super) struct Running {
    pub(super) repeats: Arc<Repeats>,
    key: IdempotencyKey,
    pub(super) run: Arc<Run>,
    pub(super) outcome: Option<Arc<Outcome>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut inner = self.repeats.inner();
        inner.running.remove(&self.key);
        match self.outcome.take() {
            Some(outcome) => {
                let bytes = outcome.bytes();
                inner.table.finish(&self.key, outcome, bytes);
            }
            None => inner.table.fail(&self.key),
        }
        drop(inner);
        self.run.end();
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::error::Code;
    use atp_protocol::ids::{SessionId, StreamId, TenantId};
    use futures_util::FutureExt;

    use super::*;

    fn begin(repeats: &Arc<Repeats>, key: &str) -> Result<Next, Fault> {
        let key = IdempotencyKey {
            tenant: TenantId::new("acme").unwrap(),
            key: key.to_owned(),
        };
        let place = Place {
            session: SessionId::new("s").unwrap(),
            stream: StreamId::new("a").unwrap(),
        };
        repeats.begin(UnixMillis(0), &key, [0; 32], place)
    }

    fn repeats() -> Arc<Repeats> {
        let settings = RepeatSettings {
            ttl_ms: 1_000,
            keys_max: 8,
            kept_bytes: 10,
        };
        Repeats::new(settings, &Pool::new(1_000))
    }

    #[test]
    fn who_waits_for_a_first_that_is_given_up_is_told_and_the_key_is_free_again() {
        let repeats = repeats();
        let Ok(Next::Run(first)) = begin(&repeats, "k") else {
            panic!("the first runs");
        };
        let Ok(Next::Attach(_, run)) = begin(&repeats, "k") else {
            panic!("the second attaches");
        };
        assert!(run.admitted().now_or_never().is_none());
        drop(first);
        let told = run.admitted().now_or_never().expect("told");
        assert_eq!(told.unwrap_err().code, Code::Internal);
        assert!(matches!(begin(&repeats, "k"), Ok(Next::Run(_))));
    }
}
