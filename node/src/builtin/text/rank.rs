//! Weighted, personalised PageRank.
//!
//! Own code, since what petgraph offers ignores weights, knows no teleport distribution and is cubic in the nodes.

/// For each node its neighbours and the weight of the edge to them, above 0. Undirected: stored at both ends.
pub(in crate::builtin) type Edges = Vec<Vec<(usize, f64)>>;

const DAMPING: f64 = 0.85;
const TOLERANCE: f64 = 1e-7;
const MAX_ROUNDS: usize = 100;

/// Rank of each node, summing to 1; empty for no nodes.
///
/// `prior`: where a random jump lands, one weight above 0 per node, in any scale. Ends when no rank moves by more than
/// the tolerance, or after 100 rounds.
pub(in crate::builtin) fn page_rank(edges: &Edges, prior: &[f64]) -> Vec<f64> {
    let total: f64 = prior.iter().sum();
    let jump: Vec<f64> = prior.iter().map(|weight| weight / total).collect();
    let degree: Vec<f64> = edges
        .iter()
        .map(|out| out.iter().map(|(_, weight)| weight).sum())
        .collect();
    let mut ranks = jump.clone();
    for _ in 0..MAX_ROUNDS {
        // A node without edges passes its rank to wherever a jump lands.
        let loose: f64 = (0..ranks.len())
            .filter(|&node| degree[node] == 0.0)
            .map(|node| ranks[node])
            .sum();
        let next: Vec<f64> = (0..ranks.len())
            .map(|node| {
                let flow: f64 = edges[node]
                    .iter()
                    .map(|&(from, weight)| ranks[from] * weight / degree[from])
                    .sum();
                (1.0 - DAMPING + DAMPING * loose) * jump[node] + DAMPING * flow
            })
            .collect();
        let moved = ranks
            .iter()
            .zip(&next)
            .map(|(old, new)| (old - new).abs())
            .fold(0.0, f64::max);
        ranks = next;
        if moved < TOLERANCE {
            break;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn star() -> Edges {
        vec![
            vec![(1, 1.0), (2, 1.0), (3, 1.0)],
            vec![(0, 1.0)],
            vec![(0, 1.0)],
            vec![(0, 1.0)],
        ]
    }

    #[test]
    fn the_hub_of_a_star_ranks_first_and_ranks_sum_to_one() {
        let ranks = page_rank(&star(), &[1.0; 4]);
        assert!(ranks[1..].iter().all(|&leaf| ranks[0] > 2.0 * leaf));
        assert!((ranks.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn heavier_edges_and_priors_lift_a_node() {
        let mut edges = star();
        edges[0][2].1 = 5.0;
        edges[3][0].1 = 5.0;
        let ranks = page_rank(&edges, &[1.0; 4]);
        assert!(ranks[3] > ranks[1]);
        let ranks = page_rank(&star(), &[1.0, 1.0, 3.0, 1.0]);
        assert!(ranks[2] > ranks[1]);
    }

    #[test]
    fn loose_nodes_and_empty_graphs_are_fine() {
        let ranks = page_rank(&vec![vec![], vec![]], &[1.0, 3.0]);
        assert!((ranks[0] - 0.25).abs() < 1e-9 && (ranks[1] - 0.75).abs() < 1e-9);
        assert!(page_rank(&vec![], &[]).is_empty());
    }
}
