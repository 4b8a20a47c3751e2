//! The result as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::targets::{Verdict, verdicts};
use super::{Figure, Gateway, Samples};
use crate::table;

/// All figures, ratios and verdicts.
#[derive(Debug, Serialize)]
pub struct Report {
    figures: Vec<Row>,
    targets: Vec<Verdict>,
    #[serde(skip)]
    gateways: Vec<Gateway>,
}

#[derive(Debug, Serialize)]
struct Row {
    figure: String,
    median: BTreeMap<Gateway, f64>,
    rounds: BTreeMap<Gateway, Vec<f64>>,
    /// Ours over SMG.
    ratio: BTreeMap<Gateway, f64>,
}

/// Whose figures are divided by SMG's.
const OURS: [Gateway; 2] = [Gateway::Plain, Gateway::Governed];

impl Report {
    pub(super) fn of(samples: &Samples) -> Self {
        let gateways = samples.gateways();
        let figures = samples
            .figures()
            .map(|figure| Row::of(samples, figure, &gateways))
            .collect();
        Self {
            figures,
            targets: verdicts(samples),
            gateways,
        }
    }

    /// Whether every target that could be measured was met.
    pub fn all_met(&self) -> bool {
        self.targets.iter().all(|verdict| verdict.met)
    }

    fn figures_table(&self) -> String {
        let mut header = vec!["median over rounds".to_owned()];
        header.extend(self.gateways.iter().map(Gateway::to_string));
        let ours: Vec<Gateway> = OURS
            .into_iter()
            .filter(|ours| self.gateways.contains(ours))
            .collect();
        header.extend(ours.iter().map(|ours| format!("{ours} / smg")));
        let cell = |value: Option<&f64>| value.map_or("–".to_owned(), |value| table::figure(*value));
        let rows: Vec<Vec<String>> = self
            .figures
            .iter()
            .map(|row| {
                let medians = self.gateways.iter().map(|gateway| cell(row.median.get(gateway)));
                let ratios = ours.iter().map(|ours| cell(row.ratio.get(ours)));
                std::iter::once(row.figure.clone())
                    .chain(medians)
                    .chain(ratios)
                    .collect()
            })
            .collect();
        table::render(&header, &rows)
    }

    fn targets_table(&self) -> String {
        let header = ["target", "measured", "met"].map(str::to_owned);
        let row = |verdict: &Verdict| {
            let met = if verdict.met { "yes" } else { "NO" };
            vec![
                verdict.target.clone(),
                table::figure(verdict.measured),
                met.to_owned(),
            ]
        };
        table::render(&header, &self.targets.iter().map(row).collect::<Vec<_>>())
    }
}

impl Row {
    fn of(samples: &Samples, figure: Figure, gateways: &[Gateway]) -> Self {
        let median = |gateway: &Gateway| Some((*gateway, samples.median(figure, *gateway)?));
        let ratio = |ours: Gateway| Some((ours, samples.ratio(figure, ours, Gateway::Smg)?));
        Self {
            figure: figure.to_string(),
            median: gateways.iter().filter_map(median).collect(),
            rounds: gateways
                .iter()
                .map(|gateway| (*gateway, samples.rounds(figure, *gateway).to_vec()))
                .collect(),
            ratio: OURS
                .into_iter()
                .filter(|_| figure.is_comparable())
                .filter_map(ratio)
                .collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.figures_table())?;
        if !self.targets.is_empty() {
            write!(f, "\n\n{}", self.targets_table())?;
        }
        Ok(())
    }
}
