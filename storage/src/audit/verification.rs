//! Follows a chain through its files.

use super::{Broken, Flaw, Head, Header, Line};

/// What is known of a log while its files are followed, oldest first.
#[derive(Debug, Default)]
pub struct Verification {
    head: Option<Head>,
    /// Number of the first line.
    first: u64,
    /// The oldest line there must be, as the last file says.
    oldest: u64,
    files: u64,
    /// Where the first and the last line are.
    ends: Option<(String, String, u64)>,
    expected: Option<Head>,
}

/// A log that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Files followed.
    pub files: u64,
    /// Number of the first line; rotation has removed those before.
    pub first: u64,
    /// The last line. Kept elsewhere it proves later that nothing up to it was altered or cut off.
    pub head: Head,
}

impl Report {
    /// Lines followed.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.head.seq + 1 - self.first
    }
}

impl Verification {
    /// Nothing followed yet. `expected`: a line that must be there, noted when it was the last.
    #[must_use]
    pub fn new(expected: Option<Head>) -> Self {
        Self {
            expected,
            ..Self::default()
        }
    }

    /// Follows one file and hands each of its lines to `each`.
    ///
    /// # Errors
    /// The first line that is not what was written; those before it were handed over.
    pub fn file(&mut self, name: &str, bytes: &[u8], mut each: impl FnMut(&Line<'_>)) -> Result<(), Broken> {
        let mut number = 0;
        for bytes in bytes.split_inclusive(|byte| *byte == b'\n') {
            number += 1;
            let line = self.line(number == 1, bytes).map_err(|flaw| Broken {
                file: name.to_owned(),
                line: number,
                seq: match self.head {
                    Some(head) => head.seq + 1,
                    None => super::number(name).unwrap_or_default(),
                },
                flaw,
            })?;
            each(&line);
        }
        if number > 0 {
            self.files += 1;
            let first = self
                .ends
                .take()
                .map_or_else(|| name.to_owned(), |(first, _, _)| first);
            self.ends = Some((first, name.to_owned(), number));
        }
        Ok(())
    }

    fn line<'a>(&mut self, is_first: bool, bytes: &'a [u8]) -> Result<Line<'a>, Flaw> {
        let line = Line::parse(bytes)?;
        // a chain whose beginning was removed begins anywhere but at 1
        let is_linked = match self.head {
            Some(head) => line.follows(head),
            None => line.head.seq > 1 || line.follows(Head::default()),
        };
        if !is_linked {
            return Err(Flaw::Unlinked);
        }
        if is_first {
            self.oldest = Header::read(line.record)?.oldest;
        }
        if self
            .expected
            .is_some_and(|head| head.seq == line.head.seq && head != line.head)
        {
            return Err(Flaw::Unexpected);
        }
        if self.head.is_none() {
            self.first = line.head.seq;
        }
        self.head = Some(line.head);
        Ok(line)
    }

    /// What was followed, as all there is of a log; `None` if that is nothing.
    ///
    /// # Errors
    /// When files at the beginning, or the expected line, are missing.
    pub fn whole(self) -> Result<Option<Report>, Broken> {
        if self.first > self.oldest
            && let Some((file, _, _)) = self.ends
        {
            return Err(Broken {
                file,
                line: 1,
                seq: self.first,
                flaw: Flaw::Missing,
            });
        }
        self.part()
    }

    /// The same of some files of a log, which may have others before them.
    ///
    /// # Errors
    /// When the expected line is missing.
    pub fn part(self) -> Result<Option<Report>, Broken> {
        let (head, expected) = (self.head.unwrap_or_default(), self.expected);
        let is_kept = |expected: Head| (self.first..=head.seq).contains(&expected.seq);
        if !expected.is_none_or(is_kept) {
            let (_, file, line) = self.ends.unwrap_or_default();
            return Err(Broken {
                file,
                line,
                seq: head.seq,
                flaw: Flaw::Absent,
            });
        }
        Ok(self.head.map(|head| Report {
            files: self.files,
            first: self.first,
            head,
        }))
    }
}
