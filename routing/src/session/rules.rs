//! The session machine as a table (atp.md 19.3): state and facts in, rule and next state out.
//!
//! Rules are tried in ascending number, with two readings of the table that it needs to be complete:
//!
//! * a lane's end that satisfies the policy by itself raises EARLY_EXIT (rule 9) and not FIRST_END (rule 6), which would
//!   hide it;
//! * `all FINAL ∧ low confidence` (second half of rule 15) takes the place of `all lanes terminal` in rules 10 and 14, which
//!   would hide it likewise.
//!
//! Rules 5 and 7 change no state; they are carried out as chunks arrive.

use serde::Serialize;

/// State of a parallel session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Lanes are being admitted.
    Init,
    /// Adapters have been called.
    Dispatched,
    /// An adapter has answered; no lane has ended.
    Streaming,
    /// Some lane has ended.
    Buffering,
    /// A provisional result is shown.
    Provisional,
    /// Time is up or the result is in doubt: what can still be done?
    Deadline,
    /// A further model decides.
    Arbiter,
    /// Inputs are frozen.
    Reconciling,
    /// Answered.
    Complete,
    /// Failed.
    Error,
}

impl State {
    /// Whether the session is over.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Complete | Self::Error)
    }

    /// The next state of the plain chain, in which nothing is doubtful, late or lost.
    #[must_use]
    pub const fn plain_successor(self) -> Option<Self> {
        match self {
            Self::Init => Some(Self::Dispatched),
            Self::Dispatched => Some(Self::Streaming),
            Self::Streaming => Some(Self::Buffering),
            Self::Buffering => Some(Self::Reconciling),
            Self::Reconciling => Some(Self::Complete),
            Self::Provisional | Self::Deadline | Self::Arbiter | Self::Complete | Self::Error => None,
        }
    }
}

/// A rule of the table; the discriminant is its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Lanes were admitted: call them.
    FanOut = 1,
    /// None was.
    NoneAdmitted,
    /// An adapter took a call or sent something.
    FirstSign,
    /// No adapter took a call.
    NoneDispatched,
    /// A piece came while no lane had ended.
    Partial,
    /// The first lane ended.
    FirstEnd,
    /// Something came after that.
    FurtherEnd,
    /// Lanes agree before all have ended.
    ShowProvisional,
    /// One end satisfies the policy.
    EarlyExit,
    /// Enough lanes, or all, have ended.
    Quorum,
    /// All have ended without an answer, or a required one has.
    NoneFinal,
    /// Agreement fell below what is shown.
    Downgrade,
    /// A better result than the one shown.
    Upgrade,
    /// The result shown can be final.
    FinalQuorum,
    /// Time is up, or the result is in doubt.
    Deadline,
    /// A better lane is asked.
    Escalate,
    /// The arbiter is.
    AskArbiter,
    /// What there is has to do.
    Freeze,
    /// There is nothing.
    NothingUsable,
    /// The arbiter's rewrite holds.
    Arbitrated,
    /// It does not.
    ArbiterFailed,
    /// The strategy yielded an answer.
    Answered,
    /// It did not.
    Unreconciled,
    /// Cancelled or preempted.
    Stopped,
}

impl Rule {
    /// Its number in the table.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// What the guards ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is the guard of a rule")]
pub(super) struct Facts {
    /// CANCEL or preemption.
    pub(super) is_stopped: bool,
    /// The deadline has passed.
    pub(super) is_late: bool,
    /// Every lane was admitted or rejected.
    pub(super) is_decided: bool,
    /// Admitted lanes.
    pub(super) admitted: usize,
    /// Lanes that are not terminal.
    pub(super) live: usize,
    /// An adapter took a call or sent something.
    pub(super) is_heard: bool,
    /// An admitted lane is terminal.
    pub(super) has_end: bool,
    /// FINALIZED lanes.
    pub(super) finalized: usize,
    /// A required or compliance persona can no longer answer.
    pub(super) is_duty_lost: bool,
    /// The policy has what it needs.
    pub(super) is_satisfied: bool,
    /// All have ended, and the result is in doubt.
    pub(super) is_doubtful: bool,
    /// A provisional result may be shown.
    pub(super) is_showable: bool,
    /// The result shown is less agreed upon.
    pub(super) is_worse: bool,
    /// There is a better result than the one shown.
    pub(super) is_better: bool,
    /// The result shown is sure enough to be final.
    pub(super) is_sure: bool,
    /// A latency target is about to be missed and a further lane could help.
    pub(super) is_slow: bool,
    /// A better lane may be asked.
    pub(super) can_escalate: bool,
    /// The arbiter may be asked and is needed.
    pub(super) can_arbitrate: bool,
    /// Some lane has a result, or a partial at the deadline.
    pub(super) is_usable: bool,
    /// Whether the arbiter's rewrite holds, once known.
    pub(super) arbitrated: Option<bool>,
    /// Whether the strategy yielded an answer, once known.
    pub(super) reconciled: Option<bool>,
}

/// The first rule that applies.
pub(super) fn next(state: State, facts: &Facts) -> Option<(Rule, State)> {
    if facts.is_stopped && !state.is_terminal() {
        return Some((Rule::Stopped, State::Error));
    }
    let all_ended = facts.live == 0;
    let is_lost = facts.is_duty_lost || (all_ended && facts.finalized == 0);
    let is_due = facts.is_late || facts.is_slow;
    let rows: &[(bool, Rule, State)] = match state {
        State::Init => &[
            (
                facts.is_decided && facts.admitted > 0 && !facts.is_duty_lost && !facts.is_late,
                Rule::FanOut,
                State::Dispatched,
            ),
            (
                facts.is_decided || facts.is_late,
                Rule::NoneAdmitted,
                State::Error,
            ),
        ],
        State::Dispatched => &[
            (facts.is_heard, Rule::FirstSign, State::Streaming),
            (all_ended, Rule::NoneDispatched, State::Error),
            (is_due, Rule::Deadline, State::Deadline),
        ],
        State::Streaming => &[
            (facts.is_satisfied, Rule::EarlyExit, State::Reconciling),
            (facts.has_end, Rule::FirstEnd, State::Buffering),
            (is_due, Rule::Deadline, State::Deadline),
        ],
        State::Buffering => &[
            (facts.is_showable, Rule::ShowProvisional, State::Provisional),
            (
                !is_lost && !facts.is_doubtful && (facts.is_satisfied || all_ended),
                Rule::Quorum,
                State::Reconciling,
            ),
            (is_lost, Rule::NoneFinal, State::Error),
            (is_due || facts.is_doubtful, Rule::Deadline, State::Deadline),
        ],
        State::Provisional => &[
            (is_lost, Rule::NoneFinal, State::Error),
            (facts.is_worse, Rule::Downgrade, State::Buffering),
            (facts.is_better && !all_ended, Rule::Upgrade, State::Provisional),
            (
                !facts.is_doubtful && (facts.is_sure || facts.is_satisfied || all_ended),
                Rule::FinalQuorum,
                State::Reconciling,
            ),
            (is_due || facts.is_doubtful, Rule::Deadline, State::Deadline),
        ],
        State::Deadline => &[
            (facts.can_escalate, Rule::Escalate, State::Buffering),
            (facts.can_arbitrate, Rule::AskArbiter, State::Arbiter),
            (facts.is_usable, Rule::Freeze, State::Reconciling),
            (true, Rule::NothingUsable, State::Error),
        ],
        State::Arbiter => &[
            (
                facts.arbitrated == Some(true),
                Rule::Arbitrated,
                State::Reconciling,
            ),
            (
                facts.arbitrated == Some(false),
                Rule::ArbiterFailed,
                State::Reconciling,
            ),
        ],
        State::Reconciling => &[
            (facts.reconciled == Some(true), Rule::Answered, State::Complete),
            (facts.reconciled == Some(false), Rule::Unreconciled, State::Error),
        ],
        State::Complete | State::Error => &[],
    };
    rows.iter()
        .find(|(applies, ..)| *applies)
        .map(|&(_, rule, to)| (rule, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_carry_the_numbers_of_the_table() {
        assert_eq!(Rule::FanOut.number(), 1);
        assert_eq!(Rule::FirstEnd.number(), 6);
        assert_eq!(Rule::Quorum.number(), 10);
        assert_eq!(Rule::Deadline.number(), 15);
        assert_eq!(Rule::NothingUsable.number(), 19);
        assert_eq!(Rule::Stopped.number(), 24);
    }

    #[test]
    fn stopping_goes_before_everything_but_the_end() {
        let facts = Facts {
            is_stopped: true,
            is_satisfied: true,
            ..Facts::default()
        };
        assert_eq!(
            next(State::Streaming, &facts),
            Some((Rule::Stopped, State::Error))
        );
        assert_eq!(next(State::Complete, &facts), None);
    }

    #[test]
    fn the_deadline_is_asked_in_the_order_escalate_arbiter_freeze() {
        let mut facts = Facts {
            can_escalate: true,
            can_arbitrate: true,
            is_usable: true,
            ..Facts::default()
        };
        let rule = |facts: &Facts| next(State::Deadline, facts).map(|(rule, _)| rule.number());
        assert_eq!(rule(&facts), Some(16));
        facts.can_escalate = false;
        assert_eq!(rule(&facts), Some(17));
        facts.can_arbitrate = false;
        assert_eq!(rule(&facts), Some(18));
        facts.is_usable = false;
        assert_eq!(rule(&facts), Some(19));
    }

    #[test]
    fn a_lost_duty_ends_a_session_whose_other_lanes_live() {
        let facts = Facts {
            is_decided: true,
            admitted: 2,
            live: 1,
            finalized: 1,
            has_end: true,
            is_duty_lost: true,
            ..Facts::default()
        };
        assert_eq!(
            next(State::Buffering, &facts),
            Some((Rule::NoneFinal, State::Error))
        );
        assert_eq!(
            next(State::Init, &facts),
            Some((Rule::NoneAdmitted, State::Error))
        );
    }

    #[test]
    fn doubt_takes_the_place_of_the_end_of_all_lanes() {
        let mut facts = Facts {
            is_decided: true,
            admitted: 1,
            has_end: true,
            finalized: 1,
            ..Facts::default()
        };
        assert_eq!(
            next(State::Buffering, &facts),
            Some((Rule::Quorum, State::Reconciling))
        );
        facts.is_doubtful = true;
        assert_eq!(
            next(State::Buffering, &facts),
            Some((Rule::Deadline, State::Deadline))
        );
    }
}
