//! The window in force: the narrowest of everything that limits it (atp.md 16.2).

use crate::units::{PartialWindow, Window};

/// Everything that limits a window. An absent constraint does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Constraints {
    /// The client's window from its SYN.
    pub client: Option<Window>,
    /// The policy's cap.
    pub policy: PartialWindow,
    /// What is left of the tenant's quota.
    pub quota: PartialWindow,
    /// AIMD of the session, in calls.
    pub session_parallel: Option<u32>,
    /// AIMD of the agent, in calls.
    pub agent_parallel: Option<u32>,
    /// The agent's suggestion; negative components were read as 0.
    pub suggested: PartialWindow,
}

/// The window in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effective {
    /// The narrowest.
    pub window: Window,
    /// The agent's suggestion narrowed it (`window_overrides_applied`).
    pub is_overridden: bool,
}

impl Constraints {
    /// The component-wise minimum.
    #[must_use]
    pub fn effective(&self) -> Effective {
        let parallel = |max_parallel| PartialWindow {
            max_parallel,
            ..PartialWindow::default()
        };
        let ours = self
            .client
            .unwrap_or(Window::MAX)
            .min(Window::MAX)
            .narrowed(self.policy)
            .narrowed(self.quota)
            .narrowed(parallel(self.session_parallel))
            .narrowed(parallel(self.agent_parallel));
        let window = ours.narrowed(self.suggested);
        Effective {
            window,
            is_overridden: window != ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_constraint_of_each_component_wins() {
        let constraints = Constraints {
            client: Some(Window {
                max_parallel: 10,
                max_tokens: 5_000,
                max_usd_micros: 900,
            }),
            policy: PartialWindow {
                max_tokens: Some(4_000),
                ..PartialWindow::default()
            },
            session_parallel: Some(8),
            agent_parallel: Some(6),
            ..Constraints::default()
        };
        let wanted = Window {
            max_parallel: 6,
            max_tokens: 4_000,
            max_usd_micros: 900,
        };
        assert_eq!(
            constraints.effective(),
            Effective {
                window: wanted,
                is_overridden: false
            }
        );
        let suggested = |n| PartialWindow {
            max_parallel: Some(n),
            ..PartialWindow::default()
        };
        let wide = Constraints {
            suggested: suggested(7),
            ..constraints
        };
        assert!(!wide.effective().is_overridden);
        let narrow = Constraints {
            suggested: suggested(0),
            ..constraints
        };
        assert_eq!(narrow.effective().window.max_parallel, 0);
        assert!(narrow.effective().is_overridden);
    }

    #[test]
    fn without_constraints_the_widest_window_holds() {
        assert_eq!(Constraints::default().effective().window, Window::MAX);
    }
}
