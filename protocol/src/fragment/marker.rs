//! Which fragment is the last (atp.md 10.3).

/// The fragment markers among a frame's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Markers {
    /// `MORE`: more fragments of this message follow.
    pub more: bool,
    /// `FRAG`: legacy, a fragment.
    pub frag: bool,
    /// `LAST`: legacy, the last one.
    pub last: bool,
}

/// How a sender marks fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Marking {
    /// `MORE` on all but the last; nothing on a message of one.
    Native,
    /// `FRAG` on all, `LAST` on the last, on a message of one too.
    Legacy,
}

impl Marking {
    /// The markers of one fragment of `count`.
    #[must_use]
    pub const fn of(self, frag_seq: usize, count: usize) -> Markers {
        let is_last = frag_seq + 1 >= count;
        match self {
            Self::Native => Markers {
                more: !is_last,
                frag: false,
                last: false,
            },
            Self::Legacy => Markers {
                more: false,
                frag: true,
                last: is_last,
            },
        }
    }
}

/// Turns the markers of a whole message in legacy marking into native ones; `FRAG` stays.
pub fn to_native(fragments: &mut [Markers]) {
    let count = fragments.len();
    for (at, markers) in fragments.iter_mut().enumerate() {
        markers.more = at + 1 < count;
        markers.last = false;
    }
}

/// The message contradicts itself about its end: two ends, or a fragment beyond one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("fragments disagree about the end of the message")]
pub struct Contradiction;

/// Finds the last fragment of a message, whatever order its fragments come in.
///
/// `MORE` is not last, `LAST` is, a fragment without any marker is. `FRAG` alone is a legacy middle, unless some fragment
/// of the message carried `MORE`: then the sender marks natively and it is last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finality {
    any_more: bool,
    last: Option<u32>,
    /// The first and the highest that carried `FRAG` alone.
    lone: Option<(u32, u32)>,
    highest: u32,
}

impl Finality {
    /// Takes the markers of one more fragment, or again of one. Returns the index of the last fragment once it is known.
    ///
    /// # Errors
    /// [`Contradiction`]; the message is to be abandoned.
    pub fn note(&mut self, frag_seq: u32, markers: Markers) -> Result<Option<u32>, Contradiction> {
        self.highest = self.highest.max(frag_seq);
        if markers.more {
            self.any_more = true;
        } else if markers.frag && !markers.last {
            let (low, high) = self.lone.unwrap_or((frag_seq, frag_seq));
            self.lone = Some((low.min(frag_seq), high.max(frag_seq)));
        } else if *self.last.get_or_insert(frag_seq) != frag_seq {
            return Err(Contradiction);
        }
        let lone = self.lone.filter(|_| self.any_more);
        let last = match (self.last, lone) {
            (last, None) => last,
            (None, Some((low, high))) if low == high => Some(low),
            (Some(last), Some((low, high))) if low == last && high == last => Some(last),
            (_, Some(_)) => return Err(Contradiction),
        };
        if last.is_some_and(|last| self.highest > last) {
            return Err(Contradiction);
        }
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MORE: Markers = Markers {
        more: true,
        frag: false,
        last: false,
    };
    const FRAG: Markers = Markers {
        more: false,
        frag: true,
        last: false,
    };
    const FRAG_LAST: Markers = Markers {
        more: false,
        frag: true,
        last: true,
    };
    const BARE: Markers = Markers {
        more: false,
        frag: false,
        last: false,
    };

    fn last(fragments: &[(u32, Markers)]) -> Result<Option<u32>, Contradiction> {
        let mut finality = Finality::default();
        let mut last = None;
        for &(frag_seq, markers) in fragments {
            last = finality.note(frag_seq, markers)?;
        }
        Ok(last)
    }

    #[test]
    fn both_markings_name_the_last_fragment() {
        assert_eq!(last(&[(0, BARE)]), Ok(Some(0)));
        assert_eq!(last(&[(1, BARE), (0, MORE)]), Ok(Some(1)));
        assert_eq!(last(&[(0, FRAG), (1, FRAG)]), Ok(None));
        assert_eq!(last(&[(2, FRAG_LAST), (0, FRAG), (1, FRAG)]), Ok(Some(2)));
    }

    #[test]
    fn a_lone_frag_is_last_once_some_fragment_said_more() {
        assert_eq!(
            last(&[(1, FRAG), (0, Markers { more: true, ..FRAG })]),
            Ok(Some(1))
        );
        assert_eq!(last(&[(1, FRAG), (2, FRAG), (0, MORE)]), Err(Contradiction));
    }

    #[test]
    fn two_ends_and_fragments_beyond_the_end_contradict() {
        assert_eq!(last(&[(1, BARE), (2, BARE)]), Err(Contradiction));
        assert_eq!(last(&[(3, MORE), (2, BARE)]), Err(Contradiction));
        assert_eq!(last(&[(2, FRAG_LAST), (3, FRAG)]), Err(Contradiction));
        assert_eq!(last(&[(2, FRAG_LAST), (2, FRAG_LAST)]), Ok(Some(2)));
    }

    #[test]
    fn senders_mark_what_receivers_read() {
        for marking in [Marking::Native, Marking::Legacy] {
            for count in 1..5 {
                let fragments: Vec<_> = (0..count).map(|at| (at as u32, marking.of(at, count))).collect();
                assert_eq!(last(&fragments), Ok(Some(count as u32 - 1)));
            }
        }
    }
}
