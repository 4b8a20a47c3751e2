//! `ack_tracker.json`.
