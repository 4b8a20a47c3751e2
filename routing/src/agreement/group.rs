//! Agreement of findings (atp.md 21.2, "group score" and "finding agreement").

use std::collections::{BTreeMap, BTreeSet};

use atp_protocol::finding::Finding;

use super::alias::GroupKey;
use super::lines::evidence_overlap;
use super::tokens::{Tokens, jaccard, mean_pairwise};

/// Share of the findings after the first whose type, severity and set of tests equal the first's; 1 for a single finding.
#[must_use]
pub fn fields_match(findings: &[&Finding]) -> f64 {
    let Some((first, rest)) = findings.split_first() else {
        return 1.0;
    };
    if rest.is_empty() {
        return 1.0;
    }
    let tests = |finding: &Finding| finding.tests.iter().cloned().collect::<BTreeSet<String>>();
    let expected = tests(first);
    let equal = rest
        .iter()
        .filter(|finding| {
            finding.kind == first.kind && finding.severity == first.severity && tests(finding) == expected
        })
        .count();
    equal as f64 / rest.len() as f64
}

/// How alike findings about one thing are: `0.5 · claims + 0.3 · evidence + 0.2 · fields`.
///
/// Claims are compared by their words, because there is no model at hand whose embeddings could be.
#[must_use]
pub fn group_score(findings: &[&Finding]) -> f64 {
    let claims: Vec<Tokens> = findings
        .iter()
        .map(|finding| Tokens::of(&finding.claim))
        .collect();
    let claims = mean_pairwise(&claims, jaccard).unwrap_or(1.0);
    let evidence = mean_pairwise(findings, |a, b| evidence_overlap(&a.evidence, &b.evidence)).unwrap_or(1.0);
    0.5 * claims + 0.3 * evidence + 0.2 * fields_match(findings)
}

/// How far lanes report the same: mean over groups of group score times the share of lanes in the group.
///
/// A group of one lane scores 0, so that disjoint reports disagree. 1 for a single lane and where nobody reports anything.
/// Types must be canonical already ([`super::admit`]); a lane's first finding of a group stands for it.
#[must_use]
pub fn finding_agreement(lanes: &[&[Finding]]) -> f64 {
    let mut groups: BTreeMap<GroupKey, Vec<&Finding>> = BTreeMap::new();
    for lane in lanes {
        let mut seen = BTreeSet::new();
        for finding in *lane {
            let key = GroupKey::of(finding);
            if seen.insert(key.clone()) {
                groups.entry(key).or_default().push(finding);
            }
        }
    }
    if lanes.len() == 1 || groups.is_empty() {
        return 1.0;
    }
    let sum: f64 = groups
        .values()
        .filter(|group| group.len() > 1)
        .map(|group| group_score(group) * group.len() as f64 / lanes.len() as f64)
        .sum();
    sum / groups.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::admit::tests::finding;
    use super::*;

    #[test]
    fn disjoint_reports_disagree_and_equal_ones_agree() {
        let (a, b) = (
            vec![finding("F-1", "t", "a.rs")],
            vec![finding("F-2", "t", "b.rs")],
        );
        assert_eq!(finding_agreement(&[&a, &b]), 0.0);
        assert_eq!(finding_agreement(&[&a, &a.clone()]), 1.0);
        assert_eq!(finding_agreement(&[&a]), 1.0);
        assert_eq!(finding_agreement(&[&[], &[]]), 1.0);
        assert!((finding_agreement(&[&a, &a.clone(), &[]]) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn repeating_oneself_is_not_agreement() {
        let twice = vec![finding("F-1", "t", "a.rs"), finding("F-2", "t", "a.rs")];
        assert_eq!(finding_agreement(&[&twice, &[]]), 0.0);
    }

    proptest! {
        #[test]
        fn agreement_is_a_share_and_unchanged_by_the_order_of_equal_severities(
            files in prop::collection::vec(prop::collection::vec(0_u8..4, 0..4), 2..5),
        ) {
            let lanes: Vec<Vec<Finding>> = files
                .iter()
                .map(|files| files.iter().map(|file| finding("F-1", "t", &file.to_string())).collect())
                .collect();
            let forward: Vec<&[Finding]> = lanes.iter().map(Vec::as_slice).collect();
            let backward: Vec<&[Finding]> = lanes.iter().rev().map(Vec::as_slice).collect();
            let agreement = finding_agreement(&forward);
            prop_assert!((0.0..=1.0).contains(&agreement));
            prop_assert!((agreement - finding_agreement(&backward)).abs() < 1e-12);
        }
    }
}
