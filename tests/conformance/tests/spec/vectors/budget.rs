//! `budget.json`.
