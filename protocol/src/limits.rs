//! Hard limits of the wire (atp.md section 1): what each bounds, its default, its range and the code at the bound.

/// Highest `msg_seq`, 2^53 - 1: the largest integer every JSON library keeps exactly.
pub const MSG_SEQ_MAX: u64 = (1 << 53) - 1;

/// Highest `frag_seq` the wire carries, whatever [`Limits::fragments`] says.
pub const FRAG_SEQ_MAX: u32 = 4095;

/// Sizes below 1 KiB are never compressed (atp.md section 2).
pub const COMPRESS_MIN: usize = 1024;

/// What a connection accepts. Every member may be configured within its range, see [`Limits::validate`].
///
/// The specification gives ranges for the two sizes only. For the rest: what shapes a frame may be lowered but not
/// raised, since the other side relies on it; what is only a resource of this node may go up to sixteen times its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an encoded frame, after decompression. Beyond: `ETOOBIG`.
    pub frame_bytes: usize,
    /// Bytes of reassembled message content. Beyond: `ETOOBIG`.
    pub message_bytes: usize,
    /// Fragments of a message. Beyond: `EPROTO`.
    pub fragments: usize,
    /// Messages under reassembly in one stream. Beyond: `EWINDOW`.
    pub reassembly_messages: usize,
    /// Bytes buffered for reassembly on one connection. Beyond: `EWINDOW`.
    pub reassembly_bytes: usize,
    /// Nesting of JSON and CBOR. Beyond: `EPROTO`.
    pub depth: usize,
    /// Values in one frame, containers included. Beyond: `EPROTO`.
    pub nodes: usize,
    /// Bytes of `meta`, encoded as compact JSON. Beyond: `EPROTO`.
    pub meta_bytes: usize,
    /// Flags on one frame. Beyond: `EPROTO`.
    pub flags: usize,
    /// Bytes of one flag. Beyond: `EPROTO`.
    pub flag_bytes: usize,
    /// Members of a typed list in `meta`. Beyond: `EPROTO`.
    pub list_members: usize,
    /// Bytes of one of them. Beyond: `EPROTO`.
    pub list_member_bytes: usize,
    /// Open streams of a session. Beyond: `EWINDOW`.
    pub streams_per_session: usize,
    /// Open streams of a connection. Beyond: `EWINDOW`.
    pub streams_per_connection: usize,
    /// Lanes of a parallel session. Beyond: `EWINDOW`.
    pub lanes: usize,
    /// Inflated size over compressed size. Beyond: `EPROTO`.
    pub inflate_ratio: usize,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Limits {
    /// The defaults of the specification.
    pub const DEFAULT: Self = Self {
        frame_bytes: MIB,
        message_bytes: 16 * MIB,
        fragments: 4096,
        reassembly_messages: 32,
        reassembly_bytes: 64 * MIB,
        depth: 64,
        nodes: 100_000,
        meta_bytes: 64 * KIB,
        flags: 16,
        flag_bytes: 32,
        list_members: 64,
        list_member_bytes: 128,
        streams_per_session: 256,
        streams_per_connection: 1024,
        lanes: 64,
        inflate_ratio: 100,
    };

    /// Checks every member against its range.
    ///
    /// # Errors
    /// Names the first member out of range, its value and the range.
    pub fn validate(&self) -> Result<(), LimitError> {
        self.rows().into_iter().try_for_each(|(name, value, min, max)| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(LimitError {
                    name,
                    value,
                    min,
                    max,
                })
            }
        })
    }

    /// Name, value, least and greatest of every member.
    fn rows(&self) -> [(&'static str, usize, usize, usize); 16] {
        let wire = |name, value, default| (name, value, 1, default);
        let node = |name, value, default: usize| (name, value, 1, default * 16);
        let default = Self::DEFAULT;
        [
            ("frame_bytes", self.frame_bytes, 64 * KIB, 16 * MIB),
            ("message_bytes", self.message_bytes, 64 * KIB, 256 * MIB),
            wire("fragments", self.fragments, default.fragments),
            node(
                "reassembly_messages",
                self.reassembly_messages,
                default.reassembly_messages,
            ),
            node(
                "reassembly_bytes",
                self.reassembly_bytes,
                default.reassembly_bytes,
            ),
            wire("depth", self.depth, default.depth),
            wire("nodes", self.nodes, default.nodes),
            wire("meta_bytes", self.meta_bytes, default.meta_bytes),
            wire("flags", self.flags, default.flags),
            wire("flag_bytes", self.flag_bytes, default.flag_bytes),
            wire("list_members", self.list_members, default.list_members),
            wire(
                "list_member_bytes",
                self.list_member_bytes,
                default.list_member_bytes,
            ),
            node(
                "streams_per_session",
                self.streams_per_session,
                default.streams_per_session,
            ),
            node(
                "streams_per_connection",
                self.streams_per_connection,
                default.streams_per_connection,
            ),
            node("lanes", self.lanes, default.lanes),
            wire("inflate_ratio", self.inflate_ratio, default.inflate_ratio),
        ]
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A configured limit lies outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limit {name} is {value}; set it within {min} to {max}")]
pub struct LimitError {
    /// The member of [`Limits`].
    pub name: &'static str,
    /// Its configured value.
    pub value: usize,
    /// Least allowed.
    pub min: usize,
    /// Greatest allowed.
    pub max: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_lie_within_their_ranges() {
        assert_eq!(Limits::default().validate(), Ok(()));
    }

    #[test]
    fn a_limit_out_of_range_is_named_with_its_range() {
        let small = Limits {
            frame_bytes: 1000,
            ..Limits::DEFAULT
        };
        let error = small.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "limit frame_bytes is 1000; set it within 65536 to 16777216"
        );
        assert!(
            Limits {
                depth: 65,
                ..Limits::DEFAULT
            }
            .validate()
            .is_err()
        );
        assert!(
            Limits {
                nodes: 0,
                ..Limits::DEFAULT
            }
            .validate()
            .is_err()
        );
        assert!(
            Limits {
                lanes: 128,
                ..Limits::DEFAULT
            }
            .validate()
            .is_ok()
        );
    }
}
