//! `frame_model.json`.
