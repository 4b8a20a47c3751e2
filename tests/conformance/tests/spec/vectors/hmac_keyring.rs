//! `hmac_keyring.json`.
