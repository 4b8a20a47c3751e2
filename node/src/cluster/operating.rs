//! What a node says of itself beyond its groups, and whether it leaves them to others.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Cluster;
use crate::gossip::Facts;

type Teller = Box<dyn Fn() -> Facts + Send + Sync>;

/// See the module.
#[derive(Default)]
pub(super) struct Operating {
    teller: OnceLock<Teller>,
    is_leaving: AtomicBool,
}

impl fmt::Debug for Operating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operating")
            .field("is_leaving", &self.is_leaving)
            .finish_non_exhaustive()
    }
}

impl Operating {
    pub(super) fn own(&self) -> Facts {
        self.teller.get().map(|tell| tell()).unwrap_or_default()
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Acquire)
    }

    pub(super) fn set_leaving(&self, is_leaving: bool) {
        self.is_leaving.store(is_leaving, Ordering::Release);
    }
}

impl Cluster {
    /// From now on members are told what `teller` says, beside what the groups and the link say for themselves.
    pub(crate) fn tells(&self, teller: impl Fn() -> Facts + Send + Sync + 'static) {
        // A node is put together once.
        let _ = self.operating.teller.set(Box::new(teller));
    }
}
