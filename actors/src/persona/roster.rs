//! Who is known, as every arbiter shares it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use actix::WeakAddr;
use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use atp_protocol::ids::{PersonaId, TenantId};
use atp_routing::persona::{Judged, Standing};
use tokio::sync::watch;

use super::actor::{Persona, Turned};

/// Personas with an actor of their own.
pub const PERSONAS_MAX: usize = 1_024;

/// Personas exported as metrics (routing.md section 17).
pub const EXPORTED_MAX: usize = 500;

/// Names one persona of the node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonaName {
    /// The tenant whose own agents carry it out; `None` where everybody's adapters do.
    pub owner: Option<TenantId>,
    /// What policy and adapters call it.
    pub id: PersonaId,
}

/// Who there is to be, each with the data-scope labels it must clear.
pub(crate) type Posts = BTreeMap<PersonaName, Vec<Arc<str>>>;

/// Everybody, by name.
pub(super) type Members = BTreeMap<PersonaName, Arc<Member>>;

/// The personas of a node, by name. Replaced whole when policy or adapters change.
#[derive(Default)]
pub struct Roster {
    members: ArcSwap<Members>,
    changes: watch::Sender<()>,
}

/// A persona: its standing and position, and the actor that decides the former.
pub struct Member {
    /// Its name.
    pub name: PersonaName,
    /// Data-scope labels for which its lane must finish before any answer leaves; empty for most.
    pub compliance: Vec<Arc<str>>,
    /// Whether its reputation is exported.
    pub(super) is_exported: bool,
    shared: Arc<Shared>,
}

/// What stays when policy changes around a persona.
#[derive(Default)]
struct Shared {
    standing: ArcSwap<Standing>,
    clones: AtomicU32,
    /// Not what keeps it running.
    actor: ArcSwapOption<WeakAddr<Persona>>,
}

impl Roster {
    /// The persona as `owner`'s own agents carry it out, or everybody's adapters.
    #[must_use]
    pub fn get(&self, owner: Option<&TenantId>, id: &PersonaId) -> Option<Arc<Member>> {
        let name = PersonaName {
            owner: owner.cloned(),
            id: id.clone(),
        };
        self.members.load().get(&name).cloned()
    }

    /// All personas, everybody's first.
    #[must_use]
    pub fn all(&self) -> Arc<BTreeMap<PersonaName, Arc<Member>>> {
        self.members.load_full()
    }

    /// The personas in force. Who was there before keeps its standing, in whatever position.
    pub(crate) fn assign(&self, posts: Posts) {
        let before = self.members.load();
        let posts = posts.into_iter().take(PERSONAS_MAX).enumerate();
        let members = posts.map(|(at, (name, compliance))| {
            let shared = before.get(&name).map(|member| Arc::clone(&member.shared));
            let member = Member {
                is_exported: at < EXPORTED_MAX && name.owner.is_none(),
                name: name.clone(),
                compliance,
                shared: shared.unwrap_or_default(),
            };
            (name, Arc::new(member))
        });
        self.members.store(Arc::new(members.collect()));
        self.changes.send_replace(());
    }

    /// Told of every change; ends with the roster.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}

impl Member {
    /// How it stands.
    pub fn standing(&self) -> Guard<Arc<Standing>> {
        self.shared.standing.load()
    }

    /// Lanes that carry it out at this moment.
    #[must_use]
    pub fn clones(&self) -> u32 {
        self.shared.clones.load(Ordering::Relaxed)
    }

    pub(super) fn publish(&self, standing: Standing) {
        self.shared.standing.store(Arc::new(standing));
    }

    pub(super) fn acts_at(&self, actor: WeakAddr<Persona>) {
        self.shared.actor.store(Some(Arc::new(actor)));
    }

    /// Tells the persona's actor how a lane turned out. One that is just being restarted misses it.
    pub(crate) fn tell(&self, judged: Judged) {
        let actor = self.shared.actor.load();
        if let Some(actor) = actor.as_ref().and_then(|actor| actor.upgrade()) {
            let _ = actor.try_send(Turned(judged));
        }
    }
}

/// A lane that carries a persona out, counted until dropped.
pub(crate) struct Attendance(pub(crate) Arc<Member>);

impl Attendance {
    pub(crate) fn new(member: Arc<Member>) -> Self {
        member.shared.clones.fetch_add(1, Ordering::Relaxed);
        Self(member)
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.0.shared.clones.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everybodys(name: &str) -> PersonaName {
        PersonaName {
            owner: None,
            id: PersonaId::new(name).unwrap(),
        }
    }

    #[test]
    fn a_standing_outlives_a_change_of_policy_and_the_last_are_left_out() {
        let roster = Roster::default();
        let named = |n: usize| (everybodys(&format!("p{n:05}")), Vec::new());
        roster.assign((0..=PERSONAS_MAX).map(named).collect());
        assert_eq!(roster.all().len(), PERSONAS_MAX);
        let id = |name| everybodys(name).id;
        let member = roster.get(None, &id("p00000")).unwrap();
        member.publish(Standing {
            score: Some(0.5),
            ..Standing::default()
        });
        roster.assign([(everybodys("p00000"), vec!["phi".into()])].into());
        let after = roster.get(None, &id("p00000")).unwrap();
        assert_eq!((after.standing().score, after.compliance.len()), (Some(0.5), 1));
        assert!(roster.get(None, &id("p00001")).is_none());
    }

    #[test]
    fn what_a_tenants_agents_make_of_a_persona_is_its_own() {
        let roster = Roster::default();
        let tenant = TenantId::new("acme").unwrap();
        let own = PersonaName {
            owner: Some(tenant.clone()),
            ..everybodys("critic")
        };
        roster.assign([(everybodys("critic"), vec![]), (own.clone(), vec![])].into());
        roster.get(Some(&tenant), &own.id).unwrap().publish(Standing {
            score: Some(0.1),
            ..Standing::default()
        });
        assert_eq!(roster.get(None, &own.id).unwrap().standing().score, None);
        assert!(!roster.get(Some(&tenant), &own.id).unwrap().is_exported);
    }
}
