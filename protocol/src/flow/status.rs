//! An agent's readiness and what it leaves of its window (atp.md 16.2).

use crate::adapter::AgentStatus;
use crate::units::Millis;

/// Bounds of an agent's readiness, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusConfig {
    /// How long work may go on after PAUSE; 0 is legal.
    pub grace_ms: u64,
    /// How long past the grace a tier with the override may continue.
    pub override_ms: u64,
    /// BUSY and PAUSE lapse to READY after so long without a report.
    pub lapse_ms: u64,
}

impl Default for StatusConfig {
    fn default() -> Self {
        Self {
            grace_ms: 5_000,
            override_ms: 10_000,
            lapse_ms: 60_000,
        }
    }
}

/// What the window is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// A stream the agent does not know yet.
    New,
    /// A stream already bound to the agent.
    Continuing,
}

/// What an agent last said, and since when.
#[derive(Debug, Clone)]
pub struct StatusTracker {
    config: StatusConfig,
    report: Option<Report>,
    /// Its health is fine, as far as anybody said.
    is_well: bool,
}

#[derive(Debug, Clone, Copy)]
struct Report {
    status: AgentStatus,
    since: Millis,
    lapses: Option<Millis>,
    is_honoured: bool,
}

impl StatusTracker {
    /// An agent that has not reported: READY.
    #[must_use]
    pub const fn new(config: StatusConfig) -> Self {
        Self {
            config,
            report: None,
            is_well: true,
        }
    }

    /// Takes a report. Returns the previous status if this is a change (`agent_status_changes_total`, `agent.status`);
    /// the first report always is.
    ///
    /// `retry_after_ms`: when BUSY or PAUSE lapses, else after [`StatusConfig::lapse_ms`]. A repeat prolongs the status,
    /// not the grace.
    pub fn report(
        &mut self,
        now: Millis,
        status: AgentStatus,
        retry_after_ms: Option<u64>,
    ) -> Option<AgentStatus> {
        let previous = self.status(now);
        let is_change = self.report.is_none() || previous != status;
        let (since, is_honoured) = match self.report {
            Some(report) if !is_change => (report.since, report.is_honoured),
            _ => (now, false),
        };
        let lapses = match status {
            AgentStatus::Busy | AgentStatus::Pause => {
                Some(now.plus(retry_after_ms.unwrap_or(self.config.lapse_ms)))
            }
            AgentStatus::Ready | AgentStatus::Draining => None,
        };
        self.report = Some(Report {
            status,
            since,
            lapses,
            is_honoured,
        });
        is_change.then_some(previous)
    }

    /// Takes what is known of the agent's health: BUSY and PAUSE lapse only while it is fine.
    pub const fn health(&mut self, is_fine: bool) {
        self.is_well = is_fine;
    }

    /// The status in force.
    #[must_use]
    pub fn status(&self, now: Millis) -> AgentStatus {
        match self.report {
            Some(report) if !self.is_well || report.lapses.is_none_or(|lapses| now < lapses) => report.status,
            _ => AgentStatus::Ready,
        }
    }

    /// How many calls the agent may have, of the `router`'s window and its own suggestion.
    ///
    /// `has_override`: the tier may continue past the grace of a PAUSE, for [`StatusConfig::override_ms`].
    #[must_use]
    pub fn parallel(
        &self,
        now: Millis,
        work: Work,
        router: u32,
        suggested: Option<u32>,
        has_override: bool,
    ) -> u32 {
        let window = suggested.map_or(router, |suggested| suggested.min(router));
        match (self.status(now), work) {
            (AgentStatus::Ready, _) => window,
            (AgentStatus::Busy, _) | (AgentStatus::Draining, Work::New) => 0,
            (AgentStatus::Draining, Work::Continuing) => router.min(1),
            (AgentStatus::Pause, _) if self.is_within_grace(now, has_override) => window,
            (AgentStatus::Pause, _) => 0,
        }
    }

    /// True once per pause, when its grace has ended: lanes are to be paused (`pauses_honored_total`).
    pub fn honours_pause(&mut self, now: Millis) -> bool {
        if self.status(now) != AgentStatus::Pause || self.is_within_grace(now, false) {
            return false;
        }
        self.report
            .as_mut()
            .is_some_and(|report| !std::mem::replace(&mut report.is_honoured, true))
    }

    /// When the status next changes by itself: the end of the grace, or the lapse.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let report = self.report?;
        let grace = (report.status == AgentStatus::Pause && !report.is_honoured)
            .then(|| report.since.plus(self.config.grace_ms));
        grace.into_iter().chain(report.lapses).min()
    }

    fn is_within_grace(&self, now: Millis, has_override: bool) -> bool {
        let extra = if has_override { self.config.override_ms } else { 0 };
        self.report
            .is_some_and(|report| now < report.since.plus(self.config.grace_ms).plus(extra))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker() -> StatusTracker {
        StatusTracker::new(StatusConfig::default())
    }

    #[test]
    fn a_draining_agent_finishes_what_is_bound_to_it() {
        let mut agent = tracker();
        agent.report(Millis(0), AgentStatus::Draining, None);
        assert_eq!(agent.parallel(Millis(1), Work::New, 8, None, false), 0);
        assert_eq!(agent.parallel(Millis(1), Work::Continuing, 8, None, false), 1);
        assert_eq!(agent.parallel(Millis(999_999), Work::New, 8, None, false), 0);
    }

    #[test]
    fn a_pause_is_honoured_once_after_its_grace() {
        let mut agent = tracker();
        assert_eq!(
            agent.report(Millis(0), AgentStatus::Pause, None),
            Some(AgentStatus::Ready)
        );
        assert!(!agent.honours_pause(Millis(4_999)));
        assert_eq!(agent.next_deadline(), Some(Millis(5_000)));
        assert!(agent.honours_pause(Millis(5_000)));
        agent.report(Millis(5_100), AgentStatus::Pause, None);
        assert!(!agent.honours_pause(Millis(6_000)));
        assert_eq!(agent.parallel(Millis(6_000), Work::New, 8, None, true), 8);
        assert_eq!(agent.parallel(Millis(15_000), Work::New, 8, None, true), 0);
    }

    #[test]
    fn a_status_nobody_renews_lapses() {
        let mut agent = tracker();
        agent.report(Millis(0), AgentStatus::Busy, Some(200));
        assert_eq!(agent.status(Millis(199)), AgentStatus::Busy);
        assert_eq!(agent.status(Millis(200)), AgentStatus::Ready);
        assert_eq!(
            agent.report(Millis(300), AgentStatus::Busy, None),
            Some(AgentStatus::Ready)
        );
        assert_eq!(agent.status(Millis(60_300)), AgentStatus::Ready);
    }

    #[test]
    fn a_status_lapses_only_while_health_is_fine() {
        let mut agent = tracker();
        agent.report(Millis(0), AgentStatus::Busy, Some(200));
        agent.health(false);
        assert_eq!(agent.status(Millis(70_000)), AgentStatus::Busy);
        agent.health(true);
        assert_eq!(agent.status(Millis(70_000)), AgentStatus::Ready);
    }

    #[test]
    fn the_first_report_counts_and_repeats_do_not() {
        let mut agent = tracker();
        assert_eq!(
            agent.report(Millis(0), AgentStatus::Ready, None),
            Some(AgentStatus::Ready)
        );
        assert_eq!(agent.report(Millis(1), AgentStatus::Ready, None), None);
    }
}
