//! Security policy of a connection (atp.md 8.4).

use super::{Agreed, Feature, Level, Role};
use crate::error::{Code, Fault, Scope};
use crate::frame::Required;

/// What every frame must carry: the minimum configured for the role and the features agreed on. Links between routers are
/// signed and fresh whatever is configured.
#[must_use]
pub fn required(minimum: Required, agreed: &Agreed) -> Required {
    let is_link = agreed.role == Role::Router;
    Required {
        sig: minimum.sig || agreed.has(Feature::Sig) || is_link,
        nonce: minimum.nonce || agreed.has(Feature::Nonce) || is_link,
        checksum: minimum.checksum || agreed.has(Feature::Checksum),
        envelope: minimum.envelope || agreed.has(Feature::Atpc),
    }
}

/// Refuses a router that did not prove itself by a client certificate.
///
/// # Errors
/// `EAUTH` of the connection.
pub fn check_link(role: Role, has_client_certificate: bool) -> Result<(), Fault> {
    if role == Role::Router && !has_client_certificate {
        let detail = "role router needs mutual TLS";
        return Err(Fault::new(Code::Auth, detail).scoped(Scope::Connection));
    }
    Ok(())
}

/// The highest level a tenant of this connection may have: legacy clients in clear text are confined to the core.
#[must_use]
pub const fn level_max(is_encrypted: bool, has_hello: bool) -> Level {
    if is_encrypted || has_hello {
        Level::Advanced
    } else {
        Level::Core
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hello::Features;
    use crate::limits::Limits;

    #[test]
    fn a_connection_requires_its_minimum_and_what_was_agreed() {
        let minimum = Required {
            nonce: true,
            ..Required::default()
        };
        let agreed = Agreed {
            features: Features::List(vec!["checksum".to_owned(), "atpc".to_owned()]),
            ..Agreed::baseline(Role::Client, &Limits::DEFAULT)
        };
        let wanted = Required {
            sig: false,
            nonce: true,
            checksum: true,
            envelope: true,
        };
        assert_eq!(required(minimum, &agreed), wanted);
    }

    #[test]
    fn links_between_routers_are_signed_fresh_and_mutual() {
        let agreed = Agreed::baseline(Role::Router, &Limits::DEFAULT);
        let required = required(Required::default(), &agreed);
        assert!(required.sig && required.nonce);
        assert!(check_link(Role::Router, false).is_err());
        assert!(check_link(Role::Router, true).is_ok());
        assert!(check_link(Role::Client, false).is_ok());
        assert_eq!(level_max(false, false), Level::Core);
    }
}
