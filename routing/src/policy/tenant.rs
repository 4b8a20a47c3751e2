//! Table `tenants`: how often tenants may call (atp.md 18.4).

use atp_protocol::flow::Rate;

use super::fields::Fields;
use super::lint::Lints;
use super::yaml::Node;

/// The row of every tenant without one of its own.
pub(super) const DEFAULT: &str = "default";

/// Most calls per second, and at once.
const RATE_MAX: u64 = 1_000_000;

/// What is said of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tenant {
    /// All its credentials together; `None` is no limit.
    pub(super) rate: Option<Rate>,
}

pub(super) fn read(node: &Node<'_>, lints: &mut Lints) -> Option<Tenant> {
    let fields = Fields::open(node, "a tenant", &["rate_per_s", "rate_burst"], lints)?;
    let mut whole = |key| fields.whole(key, 0..=RATE_MAX, lints).map(|number| number as u32);
    let (per_s, burst) = (whole("rate_per_s"), whole("rate_burst"));
    if per_s.is_none() && burst.is_some() {
        lints.error_with_hint(
            fields.at,
            "rate_burst without rate_per_s",
            "write how many calls per second the tenant may make",
        );
    }
    Some(Tenant {
        rate: Rate::written(per_s.unwrap_or(0), burst.unwrap_or(0)),
    })
}
