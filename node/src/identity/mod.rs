//! Who is a member: certificates of the cluster's own authority (docs/adr/0011-cluster-identity.md).
//!
//! 1. The operator's [`Authority`] makes a cluster and issues the certificate of a node, whose [`Name`] is in it.
//! 2. A node reads its directory, [`Membership`] and keys, into [`Credentials`]: what the link speaks TLS with.
//! 3. [`Trust`] decides in every handshake whether the other side is a member, and which.
//! 4. [`Rotating`] looks at the directory again and again; renewed certificates are for the connections to come.
//! 5. [`claim`] ties a data directory to one member for ever.
//!
//! Never here: addresses of members, or who may vote. Those are in `meta`.

mod authority;
mod belonging;
mod credentials;
mod error;
mod files;
mod membership;
mod name;
mod rotating;
mod trust;
mod verifier;

#[cfg(test)]
mod tests;

pub use authority::{Authority, Issued, LIFETIME_DAYS};
pub use belonging::{claim, owner};
pub use credentials::Credentials;
pub use error::{DirectoryError, IdentityError};
pub use membership::{Address, Cluster, Membership};
pub use name::Name;
pub use rotating::{Look, Rotating};
pub use trust::Trust;
