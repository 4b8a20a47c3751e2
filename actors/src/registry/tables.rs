//! The FIBs made of the adapters: everybody's, and one for each tenant that has adapters of its own.
//!
//! A tenant's table is made anew when one of its own adapters changes, all of them when anything else does. Making one costs
//! as much as naming everybody's candidates once more, so a node bears as many tenants with agents as it has milliseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atp_protocol::ids::{AdapterId, PersonaId, TenantId};
use atp_routing::fib::{Fib, Registered, Unroutable};
use atp_routing::policy::PolicySet;

use super::Fibs;
use super::entry::Entry;
use crate::adapter::AdapterName;
use crate::persona::{PersonaName, Posts};

type Adapters = BTreeMap<AdapterName, Entry>;

/// Which tables are behind the adapters.
#[derive(Debug, Default)]
pub(super) struct Stale {
    everybodys: bool,
    tenants: BTreeSet<TenantId>,
}

impl Stale {
    /// Something changed for `owner`; for everybody when there is none.
    pub(super) fn add(&mut self, owner: Option<&TenantId>) {
        match owner {
            None => self.everybodys = true,
            Some(owner) if !self.tenants.contains(owner) => {
                self.tenants.insert(owner.clone());
            }
            Some(_) => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.everybodys && self.tenants.is_empty()
    }
}

/// The tables, those that are stale made anew.
pub(super) fn rebuilt(set: &PolicySet, adapters: &Adapters, before: &Fibs, stale: &Stale) -> Fibs {
    let everybodys = match stale.everybodys {
        true => Arc::new(Fib::build(set, &registered(adapters, None))),
        false => Arc::clone(&before.everybodys),
    };
    let owners: BTreeSet<&TenantId> = adapters.keys().filter_map(|name| name.owner.as_ref()).collect();
    let table = |owner: &TenantId| match before.tenants.get(owner) {
        Some(table) if !stale.everybodys && !stale.tenants.contains(owner) => Arc::clone(table),
        _ => Arc::new(everybodys.with(set, &registered(adapters, Some(owner)))),
    };
    Fibs {
        tenants: owners
            .into_iter()
            .map(|owner| (owner.clone(), table(owner)))
            .collect(),
        everybodys,
    }
}

fn registered(adapters: &Adapters, owner: Option<&TenantId>) -> Vec<Registered> {
    adapters
        .iter()
        .filter(|(name, _)| name.owner.as_ref() == owner)
        .flat_map(|(_, entry)| entry.registered())
        .collect()
}

/// Adapters with at least one candidate.
pub(super) fn routable(adapters: &Adapters, fibs: &Fibs) -> usize {
    let served = |fib: &Fib| -> BTreeSet<AdapterId> {
        let candidates = fib.candidates().iter();
        candidates.map(|candidate| candidate.adapter.clone()).collect()
    };
    let everybodys = served(&fibs.everybodys);
    let tenants: BTreeMap<&TenantId, BTreeSet<AdapterId>> = fibs
        .tenants
        .iter()
        .map(|(owner, fib)| (owner, served(fib)))
        .collect();
    let is_served = |name: &&AdapterName| match &name.owner {
        None => everybodys.contains(&name.id),
        Some(owner) => tenants.get(owner).is_some_and(|served| served.contains(&name.id)),
    };
    adapters.keys().filter(is_served).count()
}

/// The personas that policy describes or everybody's adapters carry out, and those that a tenant's own agents do: what
/// these make of a persona is no business of others.
pub(super) fn personas(set: &PolicySet, adapters: &Adapters, fibs: &Fibs) -> Posts {
    let position = |id: &PersonaId| {
        let role = set.persona(id.as_str());
        role.map_or_else(Vec::new, |role| role.compliance.clone())
    };
    let everybodys = fibs.everybodys.candidates().iter();
    let everybodys = everybodys
        .flat_map(|candidate| &candidate.personas)
        .chain(set.personas().map(|(id, _)| id));
    let tenants = fibs.tenants.iter().flat_map(|(owner, fib)| {
        let is_own = |id: &AdapterId| {
            let name = AdapterName {
                owner: Some(owner.clone()),
                id: id.clone(),
            };
            adapters.contains_key(&name)
        };
        let own = fib.candidates().iter();
        own.filter(move |candidate| is_own(&candidate.adapter))
            .flat_map(|candidate| &candidate.personas)
            .map(move |id| (Some(owner.clone()), id))
    });
    everybodys
        .map(|id| (None, id))
        .chain(tenants)
        .map(|(owner, id)| {
            (
                PersonaName {
                    owner,
                    id: id.clone(),
                },
                position(id),
            )
        })
        .collect()
}

/// Why an adapter has no candidates, if it has none.
pub(super) fn unroutable(fibs: &Fibs, name: &AdapterName) -> Option<&'static str> {
    let table = match &name.owner {
        None => &fibs.everybodys,
        Some(owner) => fibs.of(owner),
    };
    let mut all = table.unroutable().iter();
    all.find(|(unroutable, _)| *unroutable == name.id)
        .map(|(_, reason)| match reason {
            Unroutable::NonCompliant => "it failed its compliance probe",
            Unroutable::Unpriced => "it has no price",
        })
}
