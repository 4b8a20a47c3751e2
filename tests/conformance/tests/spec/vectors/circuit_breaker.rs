//! `circuit_breaker.json`.
