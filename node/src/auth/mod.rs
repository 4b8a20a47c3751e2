//! Who a credential belongs to. Keys are hashed at rest and shown once; the tenant comes from the credential only.

mod credential;
mod frames;
mod key;
mod table;

pub use credential::Credential;
pub use frames::{FrameCheck, FrameVerdict};
pub use key::{ApiKey, Minted};
pub use table::{KeyRecord, KeyTable, KeyView, MadeKey};
