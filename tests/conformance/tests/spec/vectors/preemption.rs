//! `preemption.json`.
