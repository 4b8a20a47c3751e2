//! Who is at work under which hold: a hold expires when its holder is gone, not while it works.

use std::collections::HashMap;
use std::sync::Weak;

use atp_routing::budget::HoldId;

/// Handed out with a hold, and dropped with it.
pub(super) type Holder = std::sync::Arc<()>;

/// The holders of the holds that this process has given, as many as there are live holds at most. Those of an earlier
/// process are gone.
#[derive(Default)]
pub(super) struct Holders(HashMap<HoldId, Weak<()>>);

impl Holders {
    pub(super) fn insert(&mut self, id: HoldId, holder: Weak<()>) {
        self.0.insert(id, holder);
    }

    pub(super) fn remove(&mut self, id: &HoldId) {
        self.0.remove(id);
    }

    /// Whether somebody still works under the hold.
    pub(super) fn is_at_work(&self, id: &HoldId) -> bool {
        self.0.get(id).is_some_and(|holder| holder.strong_count() > 0)
    }

    /// Forgets those that are gone.
    pub(super) fn prune(&mut self) {
        self.0.retain(|_, holder| holder.strong_count() > 0);
    }
}
