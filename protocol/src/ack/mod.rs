//! Acknowledgement and retransmission (atp.md section 11).
//!
//! Receiving: [`Tracker`] knows the fragments of a message, [`AckSchedule`] when to acknowledge, [`RetransmitQueue`] and
//! [`NackPacer`] what to ask for and how fast. Sending: [`SendBuffer`] keeps what is not acknowledged, within its bytes.

mod retransmit;
mod schedule;
mod send_buffer;
mod tracker;

pub use retransmit::{NACK_MAX, NackPacer, RetransmitQueue};
pub use schedule::{AckConfig, AckSchedule, Arrived};
pub use send_buffer::{Gap, Gone, Keep, RESENDS_MAX, SendBuffer};
pub use tracker::{Noted, Tracker};
