//! `negotiation.json`.
