//! `atpc_envelope.json`.
