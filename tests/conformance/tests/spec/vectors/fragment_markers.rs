//! `fragment_markers.json`.
