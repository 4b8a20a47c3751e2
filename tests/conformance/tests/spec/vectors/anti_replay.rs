//! `anti_replay.json`.
