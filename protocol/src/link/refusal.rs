//! How one side of a link says no.

use std::fmt;

/// Longest text of a refusal on the wire, in bytes; longer ones are cut.
pub const TEXT_MAX: usize = 1024;

/// Why something was refused. Below 256 the link's own, from 256 on the service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl Code {
    /// Too much in flight on this connection; nothing was started.
    pub const OVERLOADED: Self = Self(1);
    /// No time was left; nothing was started.
    pub const EXPIRED: Self = Self(2);
    /// The member is stopping; nothing was started.
    pub const STOPPING: Self = Self(3);
    /// Nobody answers for this service here; nothing was started.
    pub const NO_SERVICE: Self = Self(4);
    /// The work was begun and ended without an answer; what it did is unknown.
    pub const LOST: Self = Self(5);
    /// Whoever had asked no longer wants it.
    pub const CANCELLED: Self = Self(6);
    /// The answer is longer than a frame can be.
    pub const TOO_LARGE: Self = Self(7);
    /// The hello names another version, lane or node.
    pub const MISTAKEN: Self = Self(8);
    /// The other side broke the rules of the link.
    pub const VIOLATION: Self = Self(9);
    /// First code of the services.
    pub const SERVICE: Self = Self(256);
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::OVERLOADED => "overloaded",
            Self::EXPIRED => "expired",
            Self::STOPPING => "stopping",
            Self::NO_SERVICE => "no service",
            Self::LOST => "lost",
            Self::CANCELLED => "cancelled",
            Self::TOO_LARGE => "too large",
            Self::MISTAKEN => "mistaken",
            Self::VIOLATION => "violation",
            Self(number) => return write!(f, "code {number}"),
        };
        f.write_str(name)
    }
}

/// A code with words for whoever reads a log. No secrets in it: it crosses to another machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Refusal {
    /// What to react to.
    pub code: Code,
    /// What to read.
    pub text: String,
}

impl Refusal {
    /// A refusal in words.
    #[must_use]
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    /// The text as it is sent: cut to [`TEXT_MAX`] at a character.
    pub(super) fn wire_text(&self) -> &str {
        &self.text[..self.text.floor_char_boundary(TEXT_MAX)]
    }
}
