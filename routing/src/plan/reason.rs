//! Why a candidate was not considered further.

use std::fmt;

use serde::Serialize;

macro_rules! reasons {
    ($($(#[$meta:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// A hard constraint that a candidate violates, in the order in which they are checked (routing.md section 5; `demand`
        /// is ours).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$meta])* #[serde(rename = $word)] $name),+
        }

        impl Reason {
            /// Every reason, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in explanations and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

reasons! {
    /// Not there, silent for too long, calls itself unhealthy, or fails more than a fifth of its calls.
    Unhealthy = "unhealthy",
    /// Takes no new work: BUSY, or PAUSE past its grace time.
    Paused = "paused",
    /// Leaves.
    Draining = "draining",
    /// Its circuit is open.
    BreakerOpen = "breaker_open",
    /// Not in a stage that serves.
    Lifecycle = "lifecycle",
    /// Works for other tenants.
    TenantVrf = "tenant_vrf",
    /// May not see data of the request's scope.
    DataScope = "data_scope",
    /// Processes data where the policy forbids it.
    RegionResidency = "region_residency",
    /// Lacks a security group.
    SecurityGroup = "security_group",
    /// Graded below what the policy demands.
    SafetyGrade = "safety_grade",
    /// Lacks a capability or a language.
    Capability = "capability",
    /// Cannot give what the request demands of its answer: several choices, a tool call, a format.
    Demand = "demand",
    /// Cannot run a tool the policy demands, or the request does not permit it.
    ToolPermission = "tool_permission",
    /// The request fills 95 % of its context or more.
    ContextOverflow = "context_overflow",
    /// Does not serve the tier.
    QosFit = "qos_fit",
    /// Does not fit what is left of a window.
    Window = "window",
    /// 95th percentile latency beyond 1.25 times the objective.
    LatencySlo = "latency_slo",
    /// Predicted quality below the floor.
    QualityFloor = "quality_floor",
    /// Guard-banded cost above the ceiling.
    CostCeiling = "cost_ceiling",
    /// Guard-banded cost above what is left of the budget.
    Budget = "budget",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How often each reason occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram([u32; Reason::ALL.len()]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; Reason::ALL.len()])
    }
}

impl Histogram {
    pub(super) fn add(&mut self, reason: Reason) {
        self.0[reason as usize] += 1;
    }

    /// The reasons that occurred, in the order of the checks.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u32)> {
        Reason::ALL
            .iter()
            .zip(self.0)
            .filter(|&(_, count)| count > 0)
            .map(|(&reason, count)| (reason, count))
    }

    /// The reason of every rejection, if there is only one.
    #[must_use]
    pub fn unanimous(&self) -> Option<Reason> {
        let mut reasons = self.iter();
        let (reason, _) = reasons.next()?;
        reasons.next().is_none().then_some(reason)
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (reason, count)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{reason} {count}")?;
        }
        Ok(())
    }
}
