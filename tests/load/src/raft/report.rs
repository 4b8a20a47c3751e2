//! The medians of a measurement, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Machine, System};
use crate::table::{figure, render};

/// What is measured of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Committed writes a second at a number of clients.
    Rate(usize),
    /// Median latency of a write, ms.
    P50(usize),
    /// 99th percentile of the same.
    P99(usize),
    /// From `kill -9` of the leader to the next committed write, ms.
    Failover,
    /// CPU that processes outside of the measurement took during the loads, in percent of a core.
    Others,
    /// Writes that failed while nothing was killed, a load.
    Failed,
}

/// All rounds of all systems.
#[derive(Debug, Clone, Default)]
pub struct Samples(BTreeMap<Figure, BTreeMap<System, Vec<f64>>>);

/// The result.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Machine,
    /// By figure and system; medians.
    figures: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    figure: String,
    ours: Option<f64>,
    spread: Option<f64>,
    etcd: Option<f64>,
    /// Ours by etcd's.
    ratio: Option<f64>,
    /// The same of writes to all groups.
    spread_ratio: Option<f64>,
}

impl Samples {
    pub(super) fn add(&mut self, system: System, figure: Figure, value: f64) {
        let of_figure = self.0.entry(figure).or_default();
        of_figure.entry(system).or_default().push(value);
    }

    pub(super) fn report(&self, machine: Machine) -> Report {
        let row = |(figure, systems): (&Figure, &BTreeMap<System, Vec<f64>>)| {
            let of = |system| systems.get(&system).and_then(|values| median(values));
            let (ours, spread, etcd) = (of(System::Ours), of(System::Spread), of(System::Etcd));
            let by_etcd = |value: Option<f64>| {
                let ratio = value.zip(etcd).map(|(value, etcd)| value / etcd);
                ratio.filter(|ratio| ratio.is_finite())
            };
            Row {
                figure: figure.to_string(),
                ours,
                spread,
                etcd,
                ratio: by_etcd(ours),
                spread_ratio: by_etcd(spread),
            }
        };
        Report {
            machine,
            figures: self.0.iter().map(row).collect(),
        }
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (
        sorted.get((sorted.len().checked_sub(1)?) / 2)?,
        sorted.get(sorted.len() / 2)?,
    );
    Some((low + high) / 2.0)
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(clients) => write!(f, "writes/s at {clients} clients"),
            Self::P50(clients) => write!(f, "p50 at {clients} clients, ms"),
            Self::P99(clients) => write!(f, "p99 at {clients} clients, ms"),
            Self::Failover => f.write_str("leader killed to next write, ms"),
            Self::Others => f.write_str("CPU of others meanwhile, % of a core"),
            Self::Failed => f.write_str("failed writes a load"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["figure", "etcd", "ours", "ratio", "ours, all groups", "ratio"].map(str::to_owned);
        let cell = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), figure);
        let rows = self.figures.iter().map(|row| {
            let values = [row.etcd, row.ours, row.ratio, row.spread, row.spread_ratio];
            let mut cells = vec![row.figure.clone()];
            cells.extend(values.map(cell));
            cells
        });
        writeln!(f, "{}\n", self.machine)?;
        f.write_str(&render(&header, &rows.collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_medians_and_their_ratio() {
        let mut samples = Samples::default();
        for value in [900.0, 300.0, 310.0] {
            samples.add(System::Ours, Figure::Rate(64), value);
        }
        for value in [100.0, 110.0] {
            samples.add(System::Etcd, Figure::Rate(64), value);
        }
        samples.add(System::Spread, Figure::Rate(64), 210.0);
        let row = &samples.report(Machine::default()).figures[0];
        assert_eq!((row.ours, row.etcd), (Some(310.0), Some(105.0)));
        assert_eq!(row.spread_ratio, Some(2.0));
        assert_eq!(median(&[]), None);
    }
}
