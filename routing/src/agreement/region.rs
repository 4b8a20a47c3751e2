//! Where texts differ, position by position (atp.md 21.2, "disagreement regions").

/// Regions listed at most; the rest of longer texts is not searched.
pub const MAX_REGIONS: usize = 200;

/// Adjacent token positions at which not all texts say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First position, counted in whitespace-separated tokens from 0.
    pub start: usize,
    /// Position after the last.
    pub end: usize,
}

/// Where `texts` differ, in ascending order. A text that has ended differs from one that goes on.
#[must_use]
pub fn disagreement_regions(texts: &[&str]) -> Vec<Region> {
    let mut words: Vec<_> = texts.iter().map(|text| text.split_whitespace()).collect();
    let mut regions: Vec<Region> = Vec::new();
    for at in 0.. {
        let here: Vec<Option<&str>> = words.iter_mut().map(Iterator::next).collect();
        if here.iter().all(Option::is_none) {
            break;
        }
        if here.windows(2).all(|pair| pair[0] == pair[1]) {
            continue;
        }
        let is_full = regions.len() == MAX_REGIONS;
        match regions.last_mut() {
            Some(region) if region.end == at => region.end = at + 1,
            _ if is_full => break,
            _ => regions.push(Region {
                start: at,
                end: at + 1,
            }),
        }
    }
    regions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_differences_are_one_region() {
        assert_eq!(
            disagreement_regions(&["a b c d", "a x y d e"]),
            [Region { start: 1, end: 3 }, Region { start: 4, end: 5 }]
        );
        assert_eq!(disagreement_regions(&["a b", "a  b"]), []);
        assert_eq!(disagreement_regions(&["only"]), []);
    }

    #[test]
    fn the_list_is_bounded() {
        let (a, b) = ("a a ".repeat(500), "a b ".repeat(500));
        assert_eq!(disagreement_regions(&[&a, &b]).len(), MAX_REGIONS);
    }
}
