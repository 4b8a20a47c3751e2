//! `fair_queue.json`.
