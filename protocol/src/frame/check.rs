//! What the structure of a frame asks of one member (atp.md 3.1 to 3.4).

use std::ops::RangeInclusive;

use crate::error::{Code, Fault, Scope};
use crate::value::{Object, Value};

/// One member and where it stands, so that an error can say what to mend. Every failure is `EPROTO` of the frame.
#[derive(Clone, Copy)]
pub(crate) struct Check<'v, 'a> {
    /// `payload.`, `window.` or empty.
    pub within: &'static str,
    pub name: &'v str,
    pub value: &'v Value<'a>,
}

impl<'v, 'a> Check<'v, 'a> {
    pub(crate) fn fault(&self, why: impl std::fmt::Display) -> Fault {
        fault(self.within, self.name, why)
    }

    /// An integer literal within `range`.
    pub(crate) fn int(&self, range: RangeInclusive<u64>) -> Result<u64, Fault> {
        self.value
            .as_u64()
            .filter(|int| range.contains(int))
            .ok_or_else(|| {
                self.fault(format_args!(
                    "must be an integer from {} to {}",
                    range.start(),
                    range.end()
                ))
            })
    }

    /// A number within 0 to 1.
    pub(crate) fn ratio(&self) -> Result<f64, Fault> {
        self.value
            .as_f64()
            .filter(|number| (0.0..=1.0).contains(number))
            .ok_or_else(|| self.fault("must be a number from 0 to 1"))
    }

    pub(crate) fn text(&self) -> Result<&'v str, Fault> {
        self.value.as_text().ok_or_else(|| self.fault("must be a string"))
    }

    /// An identifier, by its own rule.
    pub(crate) fn id<T>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, crate::ids::IdError>,
    ) -> Result<T, Fault> {
        parse(self.text()?).map_err(|error| self.fault(error))
    }

    pub(crate) fn object(&self) -> Result<&'v Object<'a>, Fault> {
        self.value
            .as_object()
            .ok_or_else(|| self.fault("must be an object"))
    }

    pub(crate) fn array(&self) -> Result<&'v [Value<'a>], Fault> {
        self.value
            .as_array()
            .ok_or_else(|| self.fault("must be an array"))
    }
}

/// `EPROTO` of a frame that names the member at fault.
pub(crate) fn fault(within: &str, name: &str, why: impl std::fmt::Display) -> Fault {
    Fault::new(Code::Proto, format!("{within}{name}: {why}")).scoped(Scope::Frame)
}

/// A required member that is absent or `null`.
pub(crate) fn missing(within: &str, name: &str) -> Fault {
    fault(within, name, "required, but absent")
}
