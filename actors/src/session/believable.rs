//! What a report of usage is believed up to: one absurd figure must not spend an account for good.

use atp_protocol::adapter::UsageSource;
use atp_protocol::units::Amount;

use crate::adapter::Metered;

/// What any call may have used, however little was held for it: more than the context of a large model, at a high price.
const ALWAYS: Amount = Amount {
    tokens: 1 << 20,
    usd_micros: 100_000_000,
};

/// How many times what was held for it a call may have used.
const TIMES: u64 = 64;

/// The report on a call that `effective` was held for, as far as it can be believed. What is beyond that is cut, and the rest
/// is then as good as a guess.
pub(super) fn believable(reported: Metered, effective: Amount) -> Metered {
    let tokens = effective.tokens.saturating_mul(TIMES).max(ALWAYS.tokens);
    let usd_micros = effective.usd_micros.saturating_mul(TIMES).max(ALWAYS.usd_micros);
    let cut = Metered {
        in_tokens: reported.in_tokens.min(tokens),
        out_tokens: reported.out_tokens.min(tokens),
        usd_micros: reported.usd_micros.map(|billed| billed.min(usd_micros)),
        source: reported.source,
    };
    match cut == reported {
        true => reported,
        false => Metered {
            source: UsageSource::Unknown,
            ..cut
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Amount = Amount {
        tokens: 1_000_000,
        usd_micros: 50,
    };

    fn report(in_tokens: u64, out_tokens: u64, usd_micros: Option<u64>) -> Metered {
        Metered {
            in_tokens,
            out_tokens,
            usd_micros,
            source: UsageSource::Reported,
        }
    }

    #[test]
    fn a_report_of_an_ordinary_call_is_believed_though_little_was_held_for_it() {
        let nothing = Amount::ZERO;
        for ordinary in [report(900_000, 128_000, None), report(0, 0, Some(99_000_000))] {
            assert_eq!(believable(ordinary, nothing), ordinary);
        }
        let large = report(60_000_000, 60_000_000, None);
        assert_eq!(believable(large, HELD), large);
    }

    #[test]
    fn what_cannot_be_is_cut_and_taken_for_a_guess() {
        let absurd = believable(report(7, u64::MAX, Some(u64::MAX)), HELD);
        assert_eq!(absurd.in_tokens, 7);
        assert_eq!(absurd.out_tokens, 64_000_000);
        assert_eq!(absurd.usd_micros, Some(100_000_000));
        assert_eq!(absurd.source, UsageSource::Unknown);
    }
}
