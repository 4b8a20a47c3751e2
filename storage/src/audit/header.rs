//! The record that every file begins with.

use super::Flaw;

/// The only format there is.
const FORMAT: &str = "1";

/// Says the format and how far back the log goes, so that files that vanish otherwise than by rotation are missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Number of the oldest line that was kept when the file was begun.
    pub oldest: u64,
}

impl Header {
    pub(super) fn record(self) -> String {
        format!(
            r#"{{"event":"audit.file","format":{FORMAT},"oldest":{}}}"#,
            self.oldest
        )
    }

    /// Reads the first record of a file.
    pub(super) fn read(record: &str) -> Result<Self, Flaw> {
        let rest = record.strip_prefix(r#"{"event":"audit.file","format":"#);
        let rest = rest.ok_or(Flaw::Headless)?;
        let (format, rest) = rest.split_once(',').ok_or(Flaw::Format)?;
        if format != FORMAT {
            return Err(Flaw::Format);
        }
        let oldest = rest
            .strip_prefix(r#""oldest":"#)
            .and_then(|rest| rest.strip_suffix('}'));
        let oldest = oldest.and_then(|oldest| oldest.parse().ok());
        oldest.map(|oldest| Self { oldest }).ok_or(Flaw::Headless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_back_and_a_later_format_known_as_such() {
        let header = Header { oldest: 7 };
        assert_eq!(Header::read(&header.record()), Ok(header));
        let later = header.record().replace(r#""format":1"#, r#""format":2"#);
        assert_eq!(Header::read(&later), Err(Flaw::Format));
        assert_eq!(Header::read(r#"{"event":"audit.gap"}"#), Err(Flaw::Headless));
    }
}
