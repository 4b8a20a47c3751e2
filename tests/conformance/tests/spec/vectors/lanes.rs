//! `lanes.json`.
