//! Who the request asks for: what the client names goes before what the policy says.

use std::borrow::Cow;

use atp_protocol::ids::PersonaId;
use atp_protocol::units::Tier;
use smallvec::SmallVec;

use super::input::Input;
use super::refusal::Refusal;
use crate::fib::{Fib, Slot};
use crate::policy::{Glob, Policy, PolicySet};

/// The client leaves the choice to policy.
const AUTO: &str = "auto";

/// Most personas of one request, and most clones of one persona (routing.md 1.2).
const PERSONAS_MAX: usize = 16;
const CLONES_MAX: u32 = 8;

/// Whose choice the lanes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chooser {
    /// The client named a model, persona, adapter or prefix.
    Name,
    /// The client asked for personas.
    Personas,
    /// The policy's fan-out.
    Policy,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Asked<'f> {
    pub(super) chooser: Chooser,
    pub(super) seats: SmallVec<[Seat<'f>; 4]>,
    /// The fallback stage, where the policy chooses: seated when nobody else is left.
    pub(super) reserve: Option<Seat<'f>>,
}

/// One place at the table: candidates of which some will sit there.
#[derive(Debug)]
pub(super) struct Seat<'f> {
    pub(super) slots: Cow<'f, [Slot]>,
    pub(super) persona: Option<PersonaId>,
    pub(super) clones: u32,
    pub(super) tier: Tier,
    pub(super) weight: f64,
    pub(super) is_required: bool,
    /// Found by a glob, so that further lanes may be taken from it.
    pub(super) is_open: bool,
}

impl<'f> Asked<'f> {
    pub(super) fn new(
        input: &Input<'_>,
        policies: &PolicySet,
        policy: &Policy,
        fib: &'f Fib,
    ) -> Result<Self, Refusal> {
        let model = input.request.content.model.as_deref();
        let named = model.filter(|name| !name.is_empty() && *name != AUTO);
        if !input.request.meta.personas.is_empty() {
            return personas(input, policies, fib, named);
        }
        match named {
            Some(name) => {
                let slots = find(fib, name)?;
                let mut seats = SmallVec::new();
                seats.push(Seat::new(input, policies, fib, name, slots));
                Ok(Self {
                    chooser: Chooser::Name,
                    seats,
                    reserve: None,
                })
            }
            None => Ok(Self {
                chooser: Chooser::Policy,
                seats: fanout(input, policies, policy, fib),
                reserve: Some(Seat::new(
                    input,
                    policies,
                    fib,
                    "*",
                    without_excepted(policy, fib, Cow::Borrowed(fib.fallbacks())),
                )),
            }),
        }
    }
}

impl<'f> Seat<'f> {
    fn new(input: &Input<'_>, policies: &PolicySet, fib: &Fib, name: &str, slots: Cow<'f, [Slot]>) -> Self {
        let role = policies.persona(name);
        let persona = PersonaId::new(name).ok().filter(|persona| {
            let mut candidates = slots.iter().map(|slot| fib.candidate(*slot));
            role.is_some() || (!slots.is_empty() && candidates.all(|candidate| candidate.carries(persona)))
        });
        Self {
            slots,
            persona,
            clones: 1,
            tier: input.request.tier,
            weight: role.and_then(|role| role.weight).unwrap_or(1.0),
            is_required: role.is_some_and(|role| {
                let labels = &input.request.meta.data_scope;
                role.compliance
                    .iter()
                    .any(|flag| labels.iter().any(|label| **label == **flag))
            }),
            is_open: name.contains('*'),
        }
    }
}

fn find<'f>(fib: &'f Fib, name: &str) -> Result<Cow<'f, [Slot]>, Refusal> {
    let slots = fib.slots(name);
    if slots.is_empty() {
        return Err(Refusal::not_found(name, fib.nearest(name)));
    }
    Ok(slots)
}

/// One seat for each persona asked for. A model named beside them narrows each to those who also answer to the model.
fn personas<'f>(
    input: &Input<'_>,
    policies: &PolicySet,
    fib: &'f Fib,
    model: Option<&str>,
) -> Result<Asked<'f>, Refusal> {
    let wanted = &input.request.meta.personas;
    if wanted.len() > PERSONAS_MAX {
        return Err(Refusal::bad_input(format!(
            "{} personas; a request may ask for {PERSONAS_MAX}",
            wanted.len()
        )));
    }
    let model = model.map(|name| find(fib, name)).transpose()?;
    let mut seats = SmallVec::new();
    for persona in wanted {
        let name = persona.persona_id.as_str();
        if !(1..=CLONES_MAX).contains(&persona.count) {
            return Err(Refusal::bad_input(format!(
                "{} clones of `{name}`; a request may ask for 1 to {CLONES_MAX}",
                persona.count
            )));
        }
        let mut slots = find(fib, name)?;
        if let Some(model) = &model {
            slots.to_mut().retain(|slot| model.contains(slot));
            if slots.is_empty() {
                return Err(Refusal::not_together(name));
            }
        }
        let seat = Seat::new(input, policies, fib, name, slots);
        let role_tier = policies.persona(name).and_then(|role| role.tier);
        // A better tier than the credential allows would be bought by naming a persona.
        let tier = persona.qos.or(role_tier).unwrap_or(seat.tier);
        seats.push(Seat {
            persona: Some(persona.persona_id.clone()),
            clones: persona.count,
            tier: tier.max(input.request.identity.tier_max),
            weight: persona.weight.unwrap_or(seat.weight),
            ..seat
        });
    }
    Ok(Asked {
        chooser: Chooser::Personas,
        seats,
        reserve: None,
    })
}

/// One seat for each entry of the policy's fan-out; one for everybody when it has none.
fn fanout<'f>(
    input: &Input<'_>,
    policies: &PolicySet,
    policy: &Policy,
    fib: &'f Fib,
) -> SmallVec<[Seat<'f>; 4]> {
    let everybody = ["*"];
    let names = policy.fanout.iter().map(Glob::as_str);
    let names = names.chain(everybody.into_iter().filter(|_| policy.fanout.is_empty()));
    names
        .map(|name| {
            let slots = without_excepted(policy, fib, fib.slots(name));
            Seat::new(input, policies, fib, name, slots)
        })
        .collect()
}

fn without_excepted<'f>(policy: &Policy, fib: &Fib, mut slots: Cow<'f, [Slot]>) -> Cow<'f, [Slot]> {
    let is_excepted = |slot: &Slot| {
        let candidate = fib.candidate(*slot);
        let names = [candidate.name(), candidate.adapter.as_str()];
        policy
            .except
            .iter()
            .any(|glob| names.iter().any(|name| glob.matches(name)))
    };
    if slots.iter().any(is_excepted) {
        slots.to_mut().retain(|slot| !is_excepted(slot));
    }
    slots
}
