//! `retransmit_queue.json`.
