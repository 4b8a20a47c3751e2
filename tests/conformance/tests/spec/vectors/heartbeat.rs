//! `heartbeat.json`.
