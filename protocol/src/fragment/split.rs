//! Cuts content into fragments (atp.md 10.2).

use crate::units::Tier;

/// What limits are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes of UTF-8.
    Bytes,
    /// Code points: towards peers that agreed on `frag_last`.
    CodePoints,
}

/// Room of a frame beside the content of a fragment.
const FRAME_OVERHEAD: usize = 16 * 1024;

/// How large fragments are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitConfig {
    /// Units of a bronze fragment of text.
    pub base_text: usize,
    /// Bytes of a bronze fragment of anything else.
    pub base_binary: usize,
    /// Factor of each tier, in the order of [`Tier::ALL`].
    pub multipliers: [f64; 3],
    /// What text is counted in.
    pub unit: Unit,
    /// Bytes of a frame on this connection.
    pub frame_bytes: usize,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self {
            base_text: 8192,
            base_binary: 8192,
            multipliers: [2.0, 1.5, 1.0],
            unit: Unit::Bytes,
            frame_bytes: 1024 * 1024,
        }
    }
}

impl SplitConfig {
    /// Units of a fragment of text: base times the tier's factor, floored, at least 1 and with room for the frame around.
    #[must_use]
    pub fn text_limit(&self, tier: Tier) -> usize {
        self.limit(self.base_text, tier)
    }

    /// Bytes of a fragment of anything else, likewise.
    #[must_use]
    pub fn binary_limit(&self, tier: Tier) -> usize {
        self.limit(self.base_binary, tier)
    }

    fn limit(&self, base: usize, tier: Tier) -> usize {
        let scaled = (base as f64 * self.multipliers[tier.index()]).floor() as usize;
        scaled.min(self.frame_bytes.saturating_sub(FRAME_OVERHEAD)).max(1)
    }
}

/// Cuts text greedily into pieces of at most `limit` units, never inside a code point; a code point longer than the limit
/// is a piece of its own. Empty text is one empty piece.
#[must_use]
pub fn split_text(text: &str, limit: usize, unit: Unit) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(boundary(rest, limit, unit));
        pieces.push(piece);
        rest = after;
    }
    if pieces.is_empty() {
        pieces.push("");
    }
    pieces
}

/// Bytes of the longest piece of at most `limit` units at the start of `text`, and of at least one code point.
fn boundary(text: &str, limit: usize, unit: Unit) -> usize {
    match unit {
        Unit::CodePoints => text
            .char_indices()
            .nth(limit.max(1))
            .map_or(text.len(), |(at, _)| at),
        Unit::Bytes => match text.floor_char_boundary(limit) {
            0 => text.chars().next().map_or(0, char::len_utf8),
            at => at,
        },
    }
}

/// Cuts bytes into pieces of `limit`. No bytes are one empty piece.
#[must_use]
pub fn split_bytes(bytes: &[u8], limit: usize) -> Vec<&[u8]> {
    if bytes.is_empty() {
        return vec![bytes];
    }
    bytes.chunks(limit.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_point_is_never_cut() {
        assert_eq!(split_text("aé日😀b", 3, Unit::Bytes), ["aé", "日", "😀", "b"]);
        assert_eq!(split_text("aé日😀b", 2, Unit::CodePoints), ["aé", "日😀", "b"]);
        assert_eq!(split_text("😀", 1, Unit::Bytes), ["😀"]);
        assert_eq!(split_text("", 9, Unit::Bytes), [""]);
        assert_eq!(split_bytes(&[], 4), [[0_u8; 0]]);
    }

    #[test]
    fn limits_follow_the_tier_and_leave_room_for_the_frame() {
        let config = SplitConfig::default();
        assert_eq!(
            Tier::ALL.map(|tier| config.text_limit(tier)),
            [16_384, 12_288, 8_192]
        );
        let narrow = SplitConfig {
            frame_bytes: 20_000,
            ..config
        };
        assert_eq!(narrow.binary_limit(Tier::Gold), 20_000 - 16_384);
    }

    proptest! {
        #[test]
        fn pieces_join_to_the_whole_and_keep_the_limit(text in ".{0,200}", limit in 1_usize..40) {
            for unit in [Unit::Bytes, Unit::CodePoints] {
                let pieces = split_text(&text, limit, unit);
                prop_assert_eq!(pieces.concat(), text.as_str());
                for piece in pieces {
                    let fits = match unit {
                        Unit::Bytes => piece.len() <= limit,
                        Unit::CodePoints => piece.chars().count() <= limit,
                    };
                    prop_assert!(fits || piece.chars().count() == 1);
                }
            }
            prop_assert_eq!(split_bytes(text.as_bytes(), limit).concat(), text.as_bytes());
        }
    }
}
