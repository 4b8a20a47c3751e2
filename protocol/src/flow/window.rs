//! The tri-window: calls, tokens and money outstanding, limited at several levels at once (atp.md 16.1).

use crate::error::{Code, Fault, Scope};
use crate::units::{Amount, Window};

/// What is outstanding at one level, and how much may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    limit: Window,
    calls: u32,
    amount: Amount,
}

/// A component of the window, in the order they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Concurrent calls.
    Parallel,
    /// Tokens outstanding.
    Tokens,
    /// Money outstanding.
    Usd,
}

impl Component {
    /// In the order they are checked.
    pub const ALL: [Self; 3] = [Self::Parallel, Self::Tokens, Self::Usd];

    /// This component of calls and an amount.
    fn of(self, calls: u32, amount: Amount) -> u64 {
        match self {
            Self::Parallel => u64::from(calls),
            Self::Tokens => amount.tokens,
            Self::Usd => amount.usd_micros,
        }
    }

    /// The member of a window that limits it, and how much that is.
    fn limit(self, window: Window) -> (&'static str, u64) {
        match self {
            Self::Parallel => ("max_parallel", u64::from(window.max_parallel)),
            Self::Tokens => ("max_tokens", window.max_tokens),
            Self::Usd => ("max_usd_micros", window.max_usd_micros),
        }
    }
}

/// Why a call was not admitted. Nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The first component that failed, at any level.
    pub component: Component,
    /// Position of the first level at which it failed.
    pub level: usize,
    /// The window of that level.
    pub window: Window,
    /// How much of it was asked for.
    pub wanted: u64,
    /// That alone exceeds the window: waiting cannot help. What never fits is named before what does not fit at the moment.
    pub never_fits: bool,
}

impl Level {
    /// A level with nothing outstanding.
    #[must_use]
    pub const fn new(limit: Window) -> Self {
        Self {
            limit,
            calls: 0,
            amount: Amount::ZERO,
        }
    }

    /// Replaces the limit. What is outstanding stays, even above it.
    pub const fn set_limit(&mut self, limit: Window) {
        self.limit = limit;
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> Window {
        self.limit
    }

    /// Calls outstanding.
    #[must_use]
    pub const fn calls(&self) -> u32 {
        self.calls
    }

    /// Tokens and money outstanding.
    #[must_use]
    pub const fn outstanding(&self) -> Amount {
        self.amount
    }

    /// The same level with nothing outstanding.
    const fn emptied(&self) -> Self {
        Self::new(self.limit)
    }

    /// More calls than the window has go through alone, or they never would.
    fn fits(&self, component: Component, calls: u32, need: Amount) -> bool {
        let after = self.amount.plus(need);
        match component {
            Component::Parallel => {
                let is_alone = self.calls == 0 && self.limit.max_parallel > 0;
                self.calls.saturating_add(calls) <= self.limit.max_parallel || is_alone
            }
            Component::Tokens => after.tokens <= self.limit.max_tokens,
            Component::Usd => after.usd_micros <= self.limit.max_usd_micros,
        }
    }
}

/// Reserves one call of `need` (the guard-banded estimate) at every level, or at none.
///
/// # Errors
/// The first component, in the order parallel, tokens, money, for which some level has no room.
pub fn reserve(levels: &mut [&mut Level], need: Amount) -> Result<(), Refusal> {
    reserve_all(levels, 1, need)
}

/// Reserves `calls` that belong together and need so much in sum.
///
/// # Errors
/// As [`reserve`].
pub fn reserve_all(levels: &mut [&mut Level], calls: u32, need: Amount) -> Result<(), Refusal> {
    if let Some((component, level)) = short(levels, calls, need, |level| *level) {
        let never = short(levels, calls, need, Level::emptied);
        let (component, level, never_fits) = match never {
            Some((component, level)) => (component, level, true),
            None => (component, level, false),
        };
        return Err(Refusal {
            component,
            level,
            window: levels[level].limit,
            wanted: component.of(calls, need),
            never_fits,
        });
    }
    for level in levels {
        level.calls = level.calls.saturating_add(calls);
        level.amount = level.amount.plus(need);
    }
    Ok(())
}

/// The first component for which some level, as `seen`, has no room, and the position of that level.
fn short(
    levels: &[&mut Level],
    calls: u32,
    need: Amount,
    seen: impl Fn(&Level) -> Level,
) -> Option<(Component, usize)> {
    Component::ALL.into_iter().find_map(|component| {
        let has_none = |level: &&mut Level| !seen(level).fits(component, calls, need);
        Some((component, levels.iter().position(has_none)?))
    })
}

/// Gives back one call of `need`, as it was reserved, at every level.
pub fn release(levels: &mut [&mut Level], need: Amount) {
    release_all(levels, 1, need);
}

/// Gives back what [`reserve_all`] took.
pub fn release_all(levels: &mut [&mut Level], calls: u32, need: Amount) {
    for level in levels {
        level.calls = level.calls.saturating_sub(calls);
        level.amount = level.amount.minus(need);
    }
}

impl Refusal {
    /// What the caller is told; the window goes along as `control.error.window`.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let what = match self.component {
            Component::Parallel => "no call slot is free",
            Component::Tokens => "too many tokens outstanding",
            Component::Usd => "too much money outstanding",
        };
        if self.never_fits {
            let ((member, limit), wanted) = (self.component.limit(self.window), self.wanted);
            let detail = format!(
                "{member} of the window in force is {limit}, {wanted} wanted: {} too few; ask for less, or raise the window \
                 or budget",
                wanted - limit
            );
            Fault::new(Code::Window, detail).scoped(Scope::Message).terminal()
        } else {
            Fault::new(Code::Window, what).scoped(Scope::Message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn window(max_parallel: u32, max_tokens: u64, max_usd_micros: u64) -> Window {
        Window {
            max_parallel,
            max_tokens,
            max_usd_micros,
        }
    }

    const fn need(tokens: u64, usd_micros: u64) -> Amount {
        Amount { tokens, usd_micros }
    }

    #[test]
    fn a_refusal_at_one_level_reserves_nothing_at_any() {
        let mut stream = Level::new(window(2, 100, 100));
        let mut session = Level::new(window(2, 50, 100));
        let before = (stream, session);
        let refusal = reserve(&mut [&mut stream, &mut session], need(60, 1)).unwrap_err();
        assert_eq!((refusal.component, refusal.level), (Component::Tokens, 1));
        assert!(refusal.never_fits);
        assert_eq!((stream, session), before);
    }

    #[test]
    fn the_reason_is_the_first_component_of_all_levels() {
        let mut stream = Level::new(window(5, 1, 1));
        let mut agent = Level::new(window(0, 100, 100));
        let refusal = reserve(&mut [&mut stream, &mut agent], need(9, 9)).unwrap_err();
        assert_eq!((refusal.component, refusal.level), (Component::Parallel, 1));
    }

    #[test]
    fn what_never_fits_is_named_before_what_is_short_and_says_by_how_much() {
        let mut level = Level::new(window(1, 100, 100));
        reserve(&mut [&mut level], need(1, 1)).unwrap();
        let refusal = reserve(&mut [&mut level], need(1, 130)).unwrap_err();
        assert_eq!((refusal.component, refusal.never_fits), (Component::Usd, true));
        let fault = refusal.fault();
        assert!(!fault.retry().is_retryable());
        assert!(
            fault
                .detail
                .starts_with("max_usd_micros of the window in force is 100, 130 wanted: 30 too few"),
            "{}",
            fault.detail
        );
        let closed = reserve(&mut [&mut Level::new(window(0, 0, 0))], need(0, 0)).unwrap_err();
        assert_eq!((closed.component, closed.never_fits), (Component::Parallel, true));
    }

    #[test]
    fn equality_fits_and_a_full_window_may_be_waited_for() {
        let mut level = Level::new(window(2, 100, 100));
        reserve(&mut [&mut level], need(100, 100)).unwrap();
        let refusal = reserve(&mut [&mut level], need(1, 0)).unwrap_err();
        assert!(!refusal.never_fits);
        assert!(refusal.fault().retry().is_retryable());
        release(&mut [&mut level], need(100, 100));
        reserve(&mut [&mut level], need(1, 0)).unwrap();
    }

    proptest! {
        #[test]
        fn no_level_is_ever_over_its_limit(
            limits in proptest::collection::vec((0_u32..4, 0_u64..50, 0_u64..50), 1..4),
            calls in proptest::collection::vec((any::<bool>(), 0_u64..30, 0_u64..30), 0..40),
        ) {
            let mut levels: Vec<Level> =
                limits.iter().map(|&(parallel, tokens, usd)| Level::new(window(parallel, tokens, usd))).collect();
            let mut held = Vec::new();
            for (is_release, tokens, usd) in calls {
                let mut all: Vec<&mut Level> = levels.iter_mut().collect();
                if is_release {
                    if let Some(amount) = held.pop() {
                        release(&mut all, amount);
                    }
                } else {
                    match reserve(&mut all, need(tokens, usd)) {
                        Ok(()) => held.push(need(tokens, usd)),
                        Err(refusal) => {
                            let exceeds = |&(parallel, most, dear): &(u32, u64, u64)| parallel == 0 || tokens > most || usd > dear;
                            prop_assert_eq!(refusal.never_fits, limits.iter().any(exceeds));
                        }
                    }
                }
                let sum = held.iter().fold(Amount::ZERO, |sum, &amount| sum.plus(amount));
                for level in &levels {
                    prop_assert!(level.calls <= level.limit.max_parallel);
                    let most = need(level.limit.max_tokens, level.limit.max_usd_micros);
                    prop_assert!(level.amount.fits(most));
                    prop_assert_eq!((level.calls as usize, level.amount), (held.len(), sum));
                }
            }
        }
    }
}
