//! `agent_status.json`.
