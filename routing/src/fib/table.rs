//! The table itself: candidates, the names they answer to, and the hash of both.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use atp_protocol::ids::AdapterId;

use super::arrange::{arrange, hash, static_order};
use super::candidate::Candidate;
use super::expand::Rib;
use super::registered::{Registered, Unroutable};
use crate::policy::{Glob, PolicySet};

/// Most candidates under one name (routing.md 1.2).
pub const CANDIDATES_MAX: usize = 256;

/// Most parts of a dotted name that become agent prefixes.
const PREFIXES_MAX: usize = 8;

/// Most names, and longest name, compared to suggest one; a request with a wrong name must stay cheap.
const NEAREST_MAX: usize = 1_024;
const NEAREST_LEN_MAX: usize = 64;

/// Where a candidate stands in its table.
pub(crate) type Slot = u32;

/// Forwarding information base: a snapshot of who can be asked, by every name a request or policy may use.
///
/// Computed from the RIB and what adapters report, never replicated; equal inputs in any order give equal tables and
/// equal hashes on every node (routing.md 3.2). Immutable: a request takes one snapshot and keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fib {
    /// In order of id.
    candidates: Vec<Arc<Candidate>>,
    /// Best first.
    names: BTreeMap<Arc<str>, Box<[Slot]>>,
    /// The candidates of [`crate::policy::Lifecycle::Fallback`], best first.
    fallbacks: Box<[Slot]>,
    unroutable: Vec<(AdapterId, Unroutable)>,
    dropped: usize,
    hash: [u8; 32],
}

impl Fib {
    /// Builds the table of a policy set and the registered adapters. Of two registrations that give the same candidate
    /// the healthier one counts.
    #[must_use]
    pub fn build(policies: &PolicySet, adapters: &[Registered]) -> Self {
        Self::of(policies, Vec::new(), adapters, Vec::new())
    }

    /// The table of a tenant with adapters of its own: this one, which is everybody's, and `own`. Everybody's candidates
    /// are shared, and go before own ones of the same id. `policies`: those this table was built with.
    #[must_use]
    pub fn with(&self, policies: &PolicySet, own: &[Registered]) -> Self {
        Self::of(policies, self.candidates.clone(), own, self.unroutable.clone())
    }

    fn of(
        policies: &PolicySet,
        mut candidates: Vec<Arc<Candidate>>,
        adapters: &[Registered],
        mut unroutable: Vec<(AdapterId, Unroutable)>,
    ) -> Self {
        let rib = Rib::new(policies);
        let given: BTreeSet<Arc<str>> = candidates.iter().map(|given| Arc::clone(&given.id)).collect();
        let mut expanded = Vec::new();
        for adapter in adapters {
            if let Err(reason) = rib.expand(adapter, &mut expanded) {
                unroutable.push((adapter.capability.adapter_id.clone(), reason));
            }
        }
        expanded.retain(|candidate| !given.contains(&candidate.id));
        candidates.extend(expanded.into_iter().map(Arc::new));
        unroutable.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        unroutable.dedup();
        let (candidates, dropped) = arrange(candidates);
        let mut table = Self {
            hash: hash(&candidates),
            fallbacks: Box::default(),
            names: BTreeMap::new(),
            candidates,
            unroutable,
            dropped,
        };
        table.name_all(policies);
        table
    }

    /// The candidates that answer to `name`, best first and at most [`CANDIDATES_MAX`]: an adapter (one that has a model of
    /// its own name: that model), agent, persona, provider model, `adapter/model`, candidate id or agent prefix (`reviewer` or `reviewer.*`), or any glob.
    #[must_use]
    pub fn lookup(&self, name: &str) -> impl ExactSizeIterator<Item = &Arc<Candidate>> {
        let slots = self.slots(name).into_owned();
        slots.into_iter().map(|slot| self.candidate(slot))
    }

    /// As [`Self::lookup`]. Borrows for every name and for the globs of the policy set it was built with.
    pub(crate) fn slots(&self, name: &str) -> Cow<'_, [Slot]> {
        if let Some(slots) = self.names.get(name) {
            return Cow::Borrowed(slots);
        }
        if !name.contains('*') {
            return self
                .names
                .get(format!("{name}.*").as_str())
                .map_or(Cow::Borrowed(&[]), |slots| Cow::Borrowed(slots));
        }
        match Glob::new(name) {
            Ok(glob) => Cow::Owned(self.scan(&glob).0),
            Err(_) => Cow::Borrowed(&[]),
        }
    }

    pub(crate) fn candidate(&self, slot: Slot) -> &Arc<Candidate> {
        &self.candidates[slot as usize]
    }

    /// Candidates that serve when nothing active is left, best first.
    pub(crate) fn fallbacks(&self) -> &[Slot] {
        &self.fallbacks
    }

    /// The name most like `name`, if one is close. Looks at no more than [`NEAREST_MAX`] names.
    pub(crate) fn nearest(&self, name: &str) -> Option<&str> {
        if name.len() > NEAREST_LEN_MAX {
            return None;
        }
        self.names()
            .filter(|have| !have.contains(['*', '@']))
            .take(NEAREST_MAX)
            .map(|have| (strsim::damerau_levenshtein(name, have), have))
            .min()
            .filter(|&(distance, have)| distance <= 1 + have.len() / 4)
            .map(|(_, have)| have)
    }

    /// Every candidate, in order of id.
    #[must_use]
    pub fn candidates(&self) -> &[Arc<Candidate>] {
        &self.candidates
    }

    /// Every name that finds a candidate, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(AsRef::as_ref)
    }

    /// Registered adapters without candidates, and why.
    #[must_use]
    pub fn unroutable(&self) -> &[(AdapterId, Unroutable)] {
        &self.unroutable
    }

    /// Candidates left out because a name or the table was full.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.dropped
    }

    /// blake3 over all candidates; goes into every decision record.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    fn name_all(&mut self, policies: &PolicySet) {
        let mut names: BTreeMap<Arc<str>, Vec<Slot>> = BTreeMap::new();
        // An adapter that has a model of its own name is asked for that model by it, and for the others by theirs.
        let namesakes: BTreeSet<&AdapterId> = self
            .candidates
            .iter()
            .filter(|candidate| candidate.agent.is_none() && *candidate.model == *candidate.adapter.as_str())
            .map(|candidate| &candidate.adapter)
            .collect();
        for (slot, candidate) in (0..).zip(&self.candidates) {
            let is_other = candidate.agent.is_none()
                && namesakes.contains(&candidate.adapter)
                && *candidate.model != *candidate.adapter.as_str();
            for_each_name(candidate, is_other, |name| match names.get_mut(name) {
                Some(slots) => slots.push(slot),
                None => {
                    names.insert(name.into(), vec![slot]);
                }
            });
        }
        self.names = names
            .into_iter()
            .map(|(name, slots)| (name, self.best(slots)))
            .collect();
        for glob in policies.globs() {
            if !self.names.contains_key(glob.as_str()) {
                let (slots, dropped) = self.scan(glob);
                self.dropped += dropped;
                self.names.insert(glob.as_str().into(), slots.into());
            }
        }
        let fallbacks = (0..)
            .zip(&self.candidates)
            .filter(|(_, candidate)| candidate.lifecycle == crate::policy::Lifecycle::Fallback)
            .map(|(slot, _)| slot)
            .collect();
        self.fallbacks = self.best(fallbacks);
    }

    /// The candidates with a name that `glob` matches, best first, and how many were left out.
    fn scan(&self, glob: &Glob) -> (Vec<Slot>, usize) {
        let prefix = glob.literal_prefix();
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let slots = self
            .names
            .range::<str, _>(from)
            .take_while(|(name, _)| name.starts_with(prefix))
            .filter(|(name, _)| !name.contains('*') && glob.matches(name))
            .flat_map(|(_, slots)| slots.iter().copied())
            .collect();
        self.cut(slots)
    }

    fn best(&mut self, slots: Vec<Slot>) -> Box<[Slot]> {
        let (slots, dropped) = self.cut(slots);
        self.dropped += dropped;
        slots.into_boxed_slice()
    }

    fn cut(&self, mut slots: Vec<Slot>) -> (Vec<Slot>, usize) {
        slots.sort_unstable_by(|a, b| static_order(self.candidate(*a), self.candidate(*b)));
        slots.dedup();
        let dropped = slots.len().saturating_sub(CANDIDATES_MAX);
        slots.truncate(CANDIDATES_MAX);
        (slots, dropped)
    }
}

/// Calls `take` with every name of a candidate, some perhaps twice. `is_other`: the adapter's name means another of its models.
fn for_each_name(candidate: &Candidate, is_other: bool, mut take: impl FnMut(&str)) {
    take(&candidate.id);
    take(&format!("{}/{}", candidate.name(), candidate.model));
    if !is_other {
        take(candidate.name());
    }
    take_prefixes(candidate.name(), &mut take);
    // Who names the model means whoever serves it, not every role played with it.
    if candidate.agent.is_none() {
        take(&candidate.model);
    }
    for persona in &candidate.personas {
        take(persona.as_str());
        take_prefixes(persona.as_str(), &mut take);
    }
}

/// The agent prefixes a dotted name lies under: of `a.b.c` they are `a.*` and `a.b.*`.
fn take_prefixes(name: &str, take: &mut impl FnMut(&str)) {
    for (at, _) in name.match_indices('.').take(PREFIXES_MAX) {
        take(&format!("{}.*", &name[..at]));
    }
}
