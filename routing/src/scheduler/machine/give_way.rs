//! Gold waits: who gives way.

use atp_protocol::units::{Millis, Tier};

use super::{Running, Scheduler};
use crate::scheduler::Event;
use crate::scheduler::preempt::{Active, FINAL_MS, pick_victims};

impl Scheduler {
    /// Notes whether gold waits for more slots than there are.
    pub(super) fn watch(&mut self, now: Millis) {
        let is_short = self.queues[Tier::Gold.index()].ready_items() > self.free();
        self.shortage.observe(now, is_short);
    }

    /// Asks as many calls to leave as gold is short of slots and the rate allows.
    pub(super) fn preempt(&mut self, now: Millis, events: &mut Vec<Event>) {
        let Some((allowance, takes_silver)) =
            self.shortage.allowance(now, self.running.len(), &self.settings)
        else {
            return;
        };
        let wanted = self.queues[Tier::Gold.index()].ready_items();
        let needed = wanted.saturating_sub(self.free() + self.leaving).min(allowance);
        let may_leave = |running: &Running| {
            let is_nearly_done = running.deadline.is_some_and(|at| at.since(now) <= FINAL_MS);
            let is_spared = running.tier == Tier::Silver && !takes_silver;
            running.is_preemptible && !running.is_leaving && !is_nearly_done && !is_spared
        };
        let active = self
            .running
            .iter()
            .filter(|(_, running)| may_leave(running))
            .map(|(&id, running)| Active {
                id,
                tier: running.tier,
                started: running.started,
            });
        let victims = pick_victims(active, needed, self.settings.prefer_oldest);
        self.shortage.took(now, victims.len());
        self.leaving += victims.len();
        for victim in victims {
            if let Some(running) = self.running.get_mut(&victim.id) {
                running.is_leaving = true;
                events.push(Event::Preempt {
                    id: running.id.clone(),
                    tier: running.tier,
                });
            }
        }
    }
}
