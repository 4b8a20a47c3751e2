//! Canonical forms that digests and signatures are taken over (atp.md 4.1 and 4.3).
//!
//! Always of the tree as received, known members or not, `null` included: a form of a typed frame would differ from what
//! the sender signed.

use super::write::Form;
use super::{Malformed, Object};

/// ATP canonical JSON of `object` without the members named in `except`: sorted, compact, pure ASCII.
///
/// # Errors
/// [`Malformed::Bytes`] if the tree holds a byte string.
pub fn ascii(object: &Object<'_>, except: &[&str]) -> Result<String, Malformed> {
    form(
        Form {
            ascii: true,
            sorted: true,
        },
        object,
        except,
    )
}

/// The same with text outside ASCII raw: what one deployed codec takes its checksums over (atp.md 4.3, variant 2).
///
/// # Errors
/// As [`ascii`].
pub fn raw(object: &Object<'_>, except: &[&str]) -> Result<String, Malformed> {
    form(
        Form {
            ascii: false,
            sorted: true,
        },
        object,
        except,
    )
}

fn form(form: Form, object: &Object<'_>, except: &[&str]) -> Result<String, Malformed> {
    let mut out = String::with_capacity(1024);
    form.object(object, except, &mut out)?;
    Ok(out)
}
