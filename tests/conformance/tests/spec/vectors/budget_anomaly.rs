//! `budget_anomaly.json`.
