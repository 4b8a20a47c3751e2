//! When a lane's acknowledgement is sent (atp.md 11.1).

use crate::units::Millis;

/// When acknowledgements are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckConfig {
    /// After so many fragments.
    pub every: u32,
    /// So long after the first unacknowledged fragment, in milliseconds.
    pub delay_ms: u64,
    /// Only when a message completes: connections without hello.
    pub is_legacy: bool,
}

impl AckConfig {
    /// For connections that agreed on a hello.
    pub const NATIVE: Self = Self {
        every: 16,
        delay_ms: 50,
        is_legacy: false,
    };

    /// For connections that did not.
    pub const LEGACY: Self = Self {
        is_legacy: true,
        ..Self::NATIVE
    };
}

/// What arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arrived {
    /// A fragment of a message that is not complete.
    Fragment,
    /// What completed a message.
    Completion,
    /// Something that was there before.
    Duplicate,
}

/// What is not yet acknowledged of one lane.
#[derive(Debug, Clone, Default)]
pub struct AckSchedule {
    fragments: u32,
    since: Option<Millis>,
}

impl AckSchedule {
    /// Notes an arrival; true if an acknowledgement is to be sent at once.
    pub fn arrived(&mut self, now: Millis, what: Arrived, config: AckConfig) -> bool {
        self.fragments += 1;
        self.since.get_or_insert(now);
        match what {
            Arrived::Completion => true,
            Arrived::Duplicate => !config.is_legacy,
            Arrived::Fragment => !config.is_legacy && self.fragments >= config.every,
        }
    }

    /// Whether something arrived since the last acknowledgement.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        self.since.is_some()
    }

    /// When the next acknowledgement is due by time alone.
    #[must_use]
    pub fn due(&self, config: AckConfig) -> Option<Millis> {
        self.since
            .filter(|_| !config.is_legacy)
            .map(|since| since.plus(config.delay_ms))
    }

    /// An acknowledgement was sent.
    pub fn sent(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_acknowledged_by_number_or_by_time() {
        let mut schedule = AckSchedule::default();
        for _ in 0..15 {
            assert!(!schedule.arrived(Millis(5), Arrived::Fragment, AckConfig::NATIVE));
        }
        assert_eq!(schedule.due(AckConfig::NATIVE), Some(Millis(55)));
        assert!(schedule.arrived(Millis(9), Arrived::Fragment, AckConfig::NATIVE));
        schedule.sent();
        assert_eq!(schedule.due(AckConfig::NATIVE), None);
    }

    #[test]
    fn completions_always_and_duplicates_on_native_connections_are_acknowledged_at_once() {
        let mut schedule = AckSchedule::default();
        assert!(schedule.arrived(Millis(0), Arrived::Completion, AckConfig::LEGACY));
        assert!(schedule.arrived(Millis(0), Arrived::Duplicate, AckConfig::NATIVE));
        assert!(!schedule.arrived(Millis(0), Arrived::Duplicate, AckConfig::LEGACY));
        assert_eq!(schedule.due(AckConfig::LEGACY), None);
    }
}
