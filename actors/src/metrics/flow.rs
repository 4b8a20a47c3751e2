//! Personas and what is thought of them (atp.md section 20).

use metrics::Gauge;

use super::register::Register;

/// Series of personas.
pub struct Flow {
    register: Register,
}

impl Flow {
    pub(super) fn new(register: &Register) -> Self {
        Self {
            register: register.clone(),
        }
    }

    /// Where a persona's reputation is told.
    pub fn reputation(&self, persona: &str) -> Gauge {
        self.register
            .gauge("persona_reputation_score", &[("persona", persona)])
    }
}
