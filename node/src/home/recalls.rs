//! How often those who hold some of an account without room are asked to give back.
//!
//! A recall is a call to every holder, and one that brings something another command in the account's group; an account that is used up
//! may stay so for long. So after a recall that made no room the next waits [`FIRST`], and twice as long after each further one, up to
//! [`LONGEST`]. Whatever changes at the account's home (limits, what is settled or held) makes the next one due at once: then somebody
//! may have something free.
//!
//! At the bound: of more than [`ACCOUNTS_MAX`] accounts without room some are asked for sooner.

use std::collections::BTreeMap;

use atp_protocol::ids::AccountId;
use atp_protocol::units::Millis;
use atp_routing::budget::{Balance, Limits};

/// After one recall that made no room, in milliseconds.
const FIRST: u64 = 2_000;

/// After many, in milliseconds.
const LONGEST: u64 = 30_000;

/// Accounts that are remembered.
const ACCOUNTS_MAX: usize = 4_096;

/// How an account is at home.
pub(super) type Standing = Option<(Limits, Balance)>;

/// The accounts of which recalls made no room.
#[derive(Debug, Default)]
pub(super) struct Recalls(BTreeMap<AccountId, Fruitless>);

#[derive(Debug)]
struct Fruitless {
    /// As it was afterwards.
    standing: Standing,
    wait: u64,
    due: Millis,
}

impl Recalls {
    /// Whether holders of an account that is so now are to be asked.
    pub(super) fn is_due(&self, now: Millis, account: &AccountId, standing: &Standing) -> bool {
        let last = self.0.get(account);
        last.is_none_or(|last| now >= last.due || last.standing != *standing)
    }

    /// Holders were asked, after which the account is so. `made_room`: there was enough then.
    pub(super) fn made(&mut self, now: Millis, account: &AccountId, standing: Standing, made_room: bool) {
        let last = self.0.remove(account);
        if made_room {
            return;
        }
        let again = last.filter(|last| last.standing == standing);
        let wait = again.map_or(FIRST, |last| last.wait.saturating_mul(2).min(LONGEST));
        if self.0.len() >= ACCOUNTS_MAX {
            self.0.pop_first();
        }
        let fruitless = Fruitless {
            standing,
            wait,
            due: now.plus(wait),
        };
        self.0.insert(account.clone(), fruitless);
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::units::Amount;

    use super::*;

    fn standing(limit: u64, settled: u64) -> Standing {
        let limits = Limits {
            limit_tokens: Some(limit),
            limit_usd_micros: None,
            max_parallel: None,
        };
        let balance = Balance {
            settled: Amount {
                tokens: settled,
                ..Amount::ZERO
            },
            ..Balance::default()
        };
        Some((limits, balance))
    }

    /// Seconds at which holders are asked, if the account is asked for every second and `at(second)` is how it is.
    fn asked(seconds: u64, at: impl Fn(u64) -> Standing, made_room: bool) -> Vec<u64> {
        let (mut recalls, account) = (Recalls::default(), AccountId::new("acme").unwrap());
        let mut asked = Vec::new();
        for second in 0..seconds {
            let now = Millis(second * 1_000);
            if recalls.is_due(now, &account, &at(second)) {
                recalls.made(now, &account, at(second), made_room);
                asked.push(second);
            }
        }
        asked
    }

    #[test]
    fn holders_of_an_account_that_stays_used_up_are_asked_ever_more_seldom() {
        let asked = asked(130, |_| standing(10, 10), false);
        assert_eq!(asked, [0, 2, 6, 14, 30, 60, 90, 120]);
    }

    #[test]
    fn whatever_changes_at_home_makes_it_due_at_once() {
        let spent_at_9 = |second| standing(10, if second < 9 { 8 } else { 9 });
        assert_eq!(asked(16, spent_at_9, false), [0, 2, 6, 9, 11, 15]);
        let raised_at_7 = |second| standing(if second < 7 { 10 } else { 20 }, 10);
        assert_eq!(asked(10, raised_at_7, false), [0, 2, 6, 7, 9]);
    }

    #[test]
    fn one_that_made_room_is_no_reason_to_wait() {
        assert_eq!(asked(3, |_| standing(10, 10), true), [0, 1, 2]);
    }
}
