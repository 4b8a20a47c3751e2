//! What an adapter declares and reports about itself, whatever it is attached by (atp.md 7.3, 17.1 and section 22).

mod capability;
mod declaration;
mod health;
mod usage;

pub use capability::{Capability, UsageMode};
pub use declaration::Misdeclared;
pub use health::{AgentStatus, Health, HealthStatus};
pub use usage::{Usage, UsageSource};
