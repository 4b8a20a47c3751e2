//! Frame flags, a set (atp.md section 6).

use std::fmt;

use crate::error::Fault;
use crate::frame::check::{Check, fault};
use crate::limits::Limits;
use crate::value::Value;

macro_rules! flags {
    ($($(#[$meta:meta])* $name:ident = $wire:literal),+ $(,)?) => {
        /// A flag with a meaning. Others are kept and forwarded.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Flag {
            $($(#[$meta])* $name),+
        }

        impl Flag {
            /// All of them, in the order they are sent.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The wire name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }
        }
    };
}

flags! {
    /// Opens a stream; with [`Flag::Ack`]: open accepted.
    Syn = "SYN",
    /// Acknowledges the `msg_seq` of the opposite direction.
    Ack = "ACK",
    /// The sender will send no more on this stream.
    Fin = "FIN",
    /// Aborts both directions.
    Rst = "RST",
    /// More fragments of this message follow.
    More = "MORE",
    /// Keep-alive; with [`Flag::Ack`]: its answer.
    Heartbeat = "HB",
    /// Control payload.
    Ctrl = "CTRL",
    /// Congestion was seen on the path.
    Ecn = "ECN",
    /// Legacy fragment marker.
    Frag = "FRAG",
    /// Legacy marker of a last fragment.
    Last = "LAST",
    /// Delivered from fragments; local, never sent.
    Reassembled = "REASSEMBLED",
    /// With [`Flag::Syn`]: re-attach.
    Resume = "RESUME",
}

/// The flags of a frame: duplicates collapse, unknown ones are kept in the order received.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Flags {
    known: u16,
    unknown: Vec<String>,
}

impl Flags {
    /// No flags.
    pub const NONE: Self = Self {
        known: 0,
        unknown: Vec::new(),
    };

    /// Exactly these.
    #[must_use]
    pub fn of(flags: &[Flag]) -> Self {
        let mut set = Self::NONE;
        flags.iter().for_each(|flag| set.insert(*flag));
        set
    }

    /// Whether `flag` is set.
    #[must_use]
    pub const fn has(&self, flag: Flag) -> bool {
        self.known & bit(flag) != 0
    }

    /// Sets `flag`.
    pub const fn insert(&mut self, flag: Flag) {
        self.known |= bit(flag);
    }

    /// Clears `flag`.
    pub const fn remove(&mut self, flag: Flag) {
        self.known &= !bit(flag);
    }

    /// Whether the frame asks to open a stream: `SYN` without `ACK`, and not to resume one.
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.has(Flag::Syn) && self.may_open()
    }

    /// Whether a request of a peer that sends no `SYN` may be meant to open a stream: what acknowledges, aborts or resumes
    /// speaks of one there is (atp.md 9.2, rows 3 and 4).
    #[must_use]
    pub const fn may_open(&self) -> bool {
        !self.has(Flag::Ack) && !self.has(Flag::Rst) && !self.has(Flag::Resume)
    }

    /// Wire names, known flags first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let known = Flag::ALL
            .iter()
            .filter(|flag| self.has(**flag))
            .map(|flag| flag.as_str());
        known.chain(self.unknown.iter().map(String::as_str))
    }

    /// Flags without meaning to us.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Refuses flags that contradict each other whatever the state of the stream: `RST` with `SYN`, `HB` with `MORE`.
    ///
    /// # Errors
    /// `EPROTO` of the frame.
    pub fn check(&self) -> Result<(), Fault> {
        for (one, other) in [(Flag::Rst, Flag::Syn), (Flag::Heartbeat, Flag::More)] {
            if self.has(one) && self.has(other) {
                let why = format_args!(
                    "{} contradicts {}; send one of them",
                    one.as_str(),
                    other.as_str()
                );
                return Err(fault("", "flags", why));
            }
        }
        Ok(())
    }

    /// Reads the member `flags`.
    pub(super) fn read(member: Check<'_, '_>, limits: &Limits) -> Result<Self, Fault> {
        let array = member.array()?;
        if array.len() > limits.flags {
            return Err(member.fault(format_args!("at most {} flags", limits.flags)));
        }
        let mut set = Self::NONE;
        for flag in array {
            let name = flag.as_text().filter(|name| !name.trim().is_empty());
            let name = name.ok_or_else(|| member.fault("every flag must be a string that is not blank"))?;
            if name.len() > limits.flag_bytes {
                return Err(member.fault(format_args!("at most {} bytes a flag", limits.flag_bytes)));
            }
            set.insert_name(name);
        }
        Ok(set)
    }

    fn insert_name(&mut self, name: &str) {
        match Flag::ALL.iter().find(|flag| flag.as_str() == name) {
            Some(flag) => self.insert(*flag),
            None if self.unknown.iter().any(|other| other == name) => {}
            None => self.unknown.push(name.to_owned()),
        }
    }

    /// The member `flags` as it is sent.
    pub(super) fn to_value(&self) -> Value<'_> {
        Value::Array(
            self.names()
                .filter(|name| *name != Flag::Reassembled.as_str())
                .map(Value::from)
                .collect(),
        )
    }
}

const fn bit(flag: Flag) -> u16 {
    1 << flag as u16
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value<'_>) -> Result<Flags, Fault> {
        let member = Check {
            within: "",
            name: "flags",
            value,
        };
        Flags::read(member, &Limits::DEFAULT)
    }

    fn names(names: &[&'static str]) -> Value<'static> {
        Value::from(names.to_vec())
    }

    #[test]
    fn duplicates_collapse_and_unknown_flags_are_kept() {
        let flags = read(&names(&["health", "SYN", "SYN", "health", "syn"])).unwrap();
        assert_eq!(flags.names().collect::<Vec<_>>(), ["SYN", "health", "syn"]);
        assert_eq!(flags.to_value(), names(&["SYN", "health", "syn"]));
    }

    #[test]
    fn the_local_marker_is_never_sent() {
        let flags = Flags::of(&[Flag::Reassembled, Flag::Fin]);
        assert_eq!(flags.to_value(), names(&["FIN"]));
    }

    #[test]
    fn blank_long_or_many_flags_are_refused() {
        for wrong in [
            names(&[" "]),
            names(&["0123456789abcdef0123456789abcdefX"]),
            names(&["a"; 17]),
            Value::from(vec![1_u32]),
            Value::from("SYN"),
        ] {
            let fault = read(&wrong).unwrap_err();
            assert!(fault.detail.starts_with("flags: "), "{fault}");
        }
        assert!(read(&names(&["a"; 16])).is_ok());
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(Flags::of(&[Flag::Rst, Flag::Syn]).check().is_err());
        assert!(Flags::of(&[Flag::Heartbeat, Flag::More]).check().is_err());
        assert!(Flags::of(&[Flag::Rst, Flag::Ctrl, Flag::More]).check().is_ok());
    }
}
