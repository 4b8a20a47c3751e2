//! Starts, restarts and stops the personas of one arbiter.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::actor::Persona;
use super::roster::Members;
use super::{PersonaName, Roster};
use crate::environment::World;
use crate::exec::shard_of;
use crate::supervision::{Supervised, Watched};

/// How often actors that ended are started anew.
const LOOK: Duration = Duration::from_millis(500);

/// The personas that an arbiter keeps.
type Kept = BTreeMap<PersonaName, Supervised<Persona>>;

/// Keeps the actors of every persona whose name falls to arbiter `shard` of `arbiters`, until the roster is gone. To be run on
/// that arbiter.
pub async fn keep(roster: Weak<Roster>, world: World, (shard, arbiters): (usize, usize)) {
    let Some(mut changes) = roster.upgrade().map(|roster| roster.changes()) else {
        return;
    };
    let mut kept = Kept::new();
    while let Some(members) = roster.upgrade().map(|roster| roster.all()) {
        look(&mut kept, &members, &world, |name| {
            shard_of(name.id.as_str(), arbiters) == shard
        });
        // Neither a change nor the time that has passed says what there is to do; the look does.
        let _ = tokio::time::timeout(LOOK, changes.changed()).await;
    }
}

fn look(kept: &mut Kept, members: &Members, world: &World, is_own: impl Fn(&PersonaName) -> bool) {
    // An actor that nobody holds stops with its next tick.
    kept.retain(|name, _| members.contains_key(name));
    for (name, member) in members.iter().filter(|(name, _)| is_own(name)) {
        if let Some(actor) = kept.get(name) {
            actor.look();
            continue;
        }
        let (of, its_world) = (Arc::clone(member), world.clone());
        let make = move || Persona::new(Arc::clone(&of), its_world.clone());
        kept.insert(name.clone(), Supervised::start("persona", world.clone(), make));
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::ids::{AdapterId, PersonaId};
    use atp_routing::persona::Judged;
    use tokio::task::{LocalSet, yield_now};

    use super::super::actor::Poison;
    use super::super::{Member, Posts};
    use super::*;
    use crate::environment::testing::world;

    fn named(name: &str) -> PersonaName {
        PersonaName {
            owner: None,
            id: PersonaId::new(name).unwrap(),
        }
    }

    fn member(roster: &Roster, name: &str) -> Arc<Member> {
        roster.get(None, &named(name).id).unwrap()
    }

    fn failed() -> Judged {
        Judged {
            adapter: AdapterId::new("a").unwrap(),
            accuracy: 0.0,
            quality: 0.0,
            latency_ms: 10,
            is_in_time: false,
        }
    }

    /// Lets the actors work; time stands still but for what is waited for.
    async fn settle(ms: u64) {
        for _ in 0..8 {
            yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(ms)).await;
        for _ in 0..8 {
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_persona_that_panics_is_started_anew_and_its_siblings_notice_nothing() {
        LocalSet::new()
            .run_until(async {
                let (world, _) = world();
                let roster = Roster::default();
                roster.assign([(named("poor"), vec![]), (named("poisoned"), vec![])].into());
                let mut kept = Kept::new();
                look(&mut kept, &roster.all(), &world, |_| true);
                settle(0).await;
                let (poor, poisoned) = (member(&roster, "poor"), member(&roster, "poisoned"));
                for _ in 0..12 {
                    poor.tell(failed());
                }
                assert!(kept[&named("poisoned")].ask(Poison).await.is_err());
                settle(1_100).await;
                assert!(poor.standing().score.unwrap() < 0.7);
                look(&mut kept, &roster.all(), &world, |_| true);
                settle(0).await;
                for _ in 0..12 {
                    poisoned.tell(failed());
                }
                settle(1_100).await;
                assert!(poisoned.standing().score.unwrap() < 0.7, "it works again");
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_persona_nobody_names_any_more_is_stopped() {
        LocalSet::new()
            .run_until(async {
                let (world, _) = world();
                let roster = Roster::default();
                roster.assign([(named("gone"), vec![])].into());
                let mut kept = Kept::new();
                look(&mut kept, &roster.all(), &world, |_| true);
                let actor = kept[&named("gone")].addr().unwrap().downgrade();
                settle(0).await;
                assert!(actor.upgrade().is_some_and(|actor| actor.connected()));
                roster.assign(Posts::default());
                look(&mut kept, &roster.all(), &world, |_| true);
                settle(1_100).await;
                assert!(actor.upgrade().is_none_or(|actor| !actor.connected()));
            })
            .await;
    }

    #[test]
    fn every_persona_has_one_arbiter() {
        let of = |name: &str| (0..3).filter(|shard| shard_of(name, 3) == *shard).count();
        assert!(["a", "auditor", "reviewer"].iter().all(|name| of(name) == 1));
    }
}
