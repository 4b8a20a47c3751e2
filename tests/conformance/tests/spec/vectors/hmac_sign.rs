//! `hmac_sign.json`.
