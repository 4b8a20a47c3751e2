//! `watermark.json`.
