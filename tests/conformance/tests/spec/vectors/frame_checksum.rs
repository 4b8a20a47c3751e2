//! `frame_checksum.json`.
