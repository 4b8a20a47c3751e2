//! Whether records are what was appended (governance.md 6.3).

use std::collections::BTreeMap;

use atp_protocol::ids::TenantId;

use super::{Chain, Decision};

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is not what its link was computed of.
    Hash,
    /// It does not follow the one before it.
    Link,
    /// One before it is missing.
    Gap,
    /// The head is not its: records after it are missing, or the head was changed.
    Head,
}

impl Flaw {
    /// As it is told (governance.md 6.3).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hash => "hash_mismatch",
            Self::Link | Self::Head => "link_mismatch",
            Self::Gap => "seq_gap",
        }
    }
}

/// What became of a check of one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Records that are as they should be, up to the flaw.
    pub checked: u64,
    /// The first record that is not, by its number.
    pub flaw: Option<(u64, Flaw)>,
    /// The last record seen.
    last: Option<Chain>,
}

/// Checks the records that are kept of `chains`, the oldest first: each with the one before it, the last with the head. A
/// chain of which none is kept has nothing to be checked.
#[must_use]
pub fn verify<'d>(
    chains: &BTreeMap<TenantId, Chain>,
    kept: impl IntoIterator<Item = &'d Decision>,
) -> BTreeMap<TenantId, Verdict> {
    let mut verdicts: BTreeMap<TenantId, Verdict> = BTreeMap::new();
    for decision in kept {
        verdicts
            .entry(decision.tenant.clone())
            .or_default()
            .take(decision);
    }
    for (tenant, chain) in chains {
        verdicts.entry(tenant.clone()).or_default().end(*chain);
    }
    verdicts
}

impl Verdict {
    fn take(&mut self, decision: &Decision) {
        if self.flaw.is_some() {
            return;
        }
        let flaw = match self.last {
            Some(last) if decision.number != last.next => Some(Flaw::Gap),
            Some(last) if decision.previous != last.head => Some(Flaw::Link),
            Some(_) | None => (decision.compute() != decision.link).then_some(Flaw::Hash),
        };
        self.flaw = flaw.map(|flaw| (decision.number, flaw));
        self.checked += u64::from(flaw.is_none());
        self.last = Some(Chain {
            next: decision.number + 1,
            head: decision.link,
        });
    }

    fn end(&mut self, chain: Chain) {
        let Some(last) = self.last.filter(|_| self.flaw.is_none()) else {
            return;
        };
        if last != chain {
            self.flaw = Some((last.next, Flaw::Head));
        }
    }
}
