//! What a request would take from a candidate.

use atp_protocol::estimate::Estimate;
use atp_protocol::request::AgentRequest;
use atp_protocol::units::{Amount, Tier};

use super::input::{Condition, Conditions, Input};
use crate::fib::Candidate;

/// Expected and guard-banded use of one call, with all the answers it is to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Mean input tokens.
    pub in_tokens: u64,
    /// Mean output tokens.
    pub out_tokens: u64,
    /// Mean of tokens and money.
    pub mean: Amount,
    /// Mean plus the tier's guard band: what is checked before dispatch and counted in windows.
    pub effective: Amount,
    /// The adapter's own estimate stands behind it, so that the adapter is judged by it.
    pub is_adapters: bool,
}

/// The adapter's estimate, else the router's own, each with the tier's guard band (atp.md 17.1 and 17.2).
pub(super) fn need(
    input: &Input<'_>,
    text_bytes: usize,
    candidate: &Candidate,
    condition: &Condition,
    conditions: &dyn Conditions,
    tier: Tier,
) -> Need {
    let own;
    let given = conditions.estimate(candidate);
    let estimate = match given {
        Some(given) if !given.is_contradictory() => given,
        Some(given) => {
            own = given.clone().mended();
            &own
        }
        None => {
            own = fallback(input.request, text_bytes, candidate);
            &own
        }
    };
    let most = candidate.context_tokens.map(|tokens| Amount {
        tokens,
        usd_micros: candidate
            .price
            .cost(tokens, 0)
            .max(candidate.price.cost(0, tokens)),
    });
    Need {
        in_tokens: estimate.in_tokens,
        out_tokens: estimate.out_tokens,
        mean: Amount {
            tokens: estimate.in_tokens.saturating_add(estimate.out_tokens),
            usd_micros: estimate.usd_micros.saturating_add(estimate.tools_usd_micros),
        },
        effective: estimate.guarded(tier, condition.mape, most).amount,
        is_adapters: given.is_some(),
    }
}

/// The router's own estimate; every further answer costs its output once more.
fn fallback(request: &AgentRequest, text_bytes: usize, candidate: &Candidate) -> Estimate {
    let single = Estimate::fallback(text_bytes, request.content.max_tokens, candidate.price);
    if request.choices <= 1 {
        return single;
    }
    let out_tokens = single.out_tokens.saturating_mul(request.choices);
    Estimate::fallback(text_bytes, Some(out_tokens), candidate.price)
}
