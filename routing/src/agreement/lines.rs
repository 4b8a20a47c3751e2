//! Overlap of evidence: sets of (file, line) kept as ranges (atp.md 21.2, "evidence").

use std::collections::BTreeMap;

use atp_protocol::finding::Evidence;

/// Reads `a-b` with 1 ≤ a ≤ b.
pub(super) fn parse_lines(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-')?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return None;
    }
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (1 <= first && first <= last).then_some((first, last))
}

/// Disjoint, ascending line ranges of each file. Evidence of a whole file is its line 0; without a file it has no place.
fn places(evidence: &[Evidence]) -> BTreeMap<&str, Vec<(u32, u32)>> {
    let mut files: BTreeMap<&str, Vec<(u32, u32)>> = BTreeMap::new();
    for item in evidence {
        if let Some(file) = &item.file {
            let range = item.lines.as_deref().and_then(parse_lines).unwrap_or((0, 0));
            files.entry(file).or_default().push(range);
        }
    }
    for ranges in files.values_mut() {
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for &(first, last) in ranges.iter() {
            match joined.last_mut() {
                Some(previous) if first <= previous.1 => previous.1 = previous.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        *ranges = joined;
    }
    files
}

fn count(files: &BTreeMap<&str, Vec<(u32, u32)>>) -> u64 {
    files
        .values()
        .flatten()
        .map(|(first, last)| u64::from(last - first) + 1)
        .sum()
}

/// Jaccard index of the lines two findings rest on: 1 when neither names any, 0 when one does not.
#[must_use]
pub fn evidence_overlap(a: &[Evidence], b: &[Evidence]) -> f64 {
    let (a, b) = (places(a), places(b));
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let mut shared = 0_u64;
    for (file, ranges) in &a {
        for &(first, last) in ranges {
            for &(other_first, other_last) in b.get(file).into_iter().flatten() {
                let (from, to) = (first.max(other_first), last.min(other_last));
                if from <= to {
                    shared += u64::from(to - from) + 1;
                }
            }
        }
    }
    shared as f64 / (count(&a) + count(&b) - shared) as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(file: &str, lines: &str) -> Evidence {
        Evidence {
            kind: "code".to_owned(),
            file: Some(file.to_owned()),
            lines: Some(lines.to_owned()),
            content: None,
        }
    }

    #[test]
    fn ranges_are_a_to_b_counted_from_one() {
        assert_eq!(parse_lines("45-80"), Some((45, 80)));
        for wrong in ["", "4", "0-3", "9-3", "a-b", "+1-2", "1-99999999999", "1-2-3"] {
            assert_eq!(parse_lines(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_same_line_of_another_file_is_another_line() {
        assert_eq!(evidence_overlap(&[at("a", "1-4")], &[at("b", "1-4")]), 0.0);
        assert_eq!(evidence_overlap(&[at("a", "1-4")], &[at("a", "3-6")]), 2.0 / 6.0);
        assert_eq!(evidence_overlap(&[at("a", "1-4294967295")], &[]), 0.0);
        assert_eq!(evidence_overlap(&[], &[]), 1.0);
    }

    proptest! {
        #[test]
        fn ranges_count_as_the_lines_they_stand_for(
            a in prop::collection::vec((1_u32..30, 0_u32..6), 1..5),
            b in prop::collection::vec((1_u32..30, 0_u32..6), 1..5),
        ) {
            let evidence = |ranges: &[(u32, u32)]| -> Vec<Evidence> {
                ranges.iter().map(|(from, more)| at("f", &format!("{from}-{}", from + more))).collect()
            };
            let lines = |ranges: &[(u32, u32)]| -> BTreeSet<u32> {
                ranges.iter().flat_map(|(from, more)| *from..=from + more).collect()
            };
            let (set_a, set_b) = (lines(&a), lines(&b));
            let expected = set_a.intersection(&set_b).count() as f64 / set_a.union(&set_b).count() as f64;
            prop_assert!((evidence_overlap(&evidence(&a), &evidence(&b)) - expected).abs() < 1e-12);
        }
    }
}
