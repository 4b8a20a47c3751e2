//! `parallel_session.json`.
