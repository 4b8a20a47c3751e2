//! Credentials that are renewed while the node runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use atp_actors::environment::Clock;

use super::credentials::Texts;
use super::{Credentials, DirectoryError};

/// The credentials of a node's directory, as good as they were when it was last looked at.
///
/// New ones are for connections made from then on; those that run stay. A directory that has become unusable changes nothing.
pub struct Rotating {
    directory: PathBuf,
    clock: Arc<dyn Clock>,
    current: ArcSwap<Credentials>,
    /// What the last look found; `None` when it could not be read.
    seen: Mutex<Option<Texts>>,
}

/// What a look at the directory found.
#[derive(Debug)]
pub enum Look {
    /// The same as the last time.
    Same,
    /// Other credentials, which are in use from now on.
    Renewed(Arc<Credentials>),
    /// Something that cannot be used; the credentials stay. Told once, until it changes.
    Unusable(DirectoryError),
}

impl Rotating {
    /// Reads the directory for the first time.
    ///
    /// # Errors
    /// As [`Credentials::read`]: a node does not start without credentials.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, DirectoryError> {
        let texts = Texts::read(directory)?;
        let credentials = Credentials::new(directory, &texts, Arc::clone(&clock))?;
        Ok(Self {
            directory: directory.to_owned(),
            clock,
            current: ArcSwap::from_pointee(credentials),
            seen: Mutex::new(Some(texts)),
        })
    }

    /// The credentials for a connection to be made.
    #[must_use]
    pub fn current(&self) -> Arc<Credentials> {
        self.current.load_full()
    }

    /// Looks at the directory; to be called every few seconds. Four small files, so it may be done anywhere.
    pub fn look(&self) -> Look {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = match Texts::read(&self.directory) {
            Ok(texts) => texts,
            Err(error) => return seen.take().map_or(Look::Same, |_| Look::Unusable(error)),
        };
        if seen.as_ref() == Some(&texts) {
            return Look::Same;
        }
        let renewed = self.renewed(&texts);
        *seen = Some(texts);
        match renewed {
            Ok(renewed) => {
                self.current.store(Arc::clone(&renewed));
                Look::Renewed(renewed)
            }
            Err(error) => Look::Unusable(error),
        }
    }

    /// What a node is cannot change while it runs.
    fn renewed(&self, texts: &Texts) -> Result<Arc<Credentials>, DirectoryError> {
        let renewed = Credentials::new(&self.directory, texts, Arc::clone(&self.clock))?;
        let (old, new) = (self.current(), renewed.membership());
        let old = old.membership();
        if (&new.cluster, new.node) != (&old.cluster, old.node) {
            let described = |node, id| format!("node {node} of cluster {id}");
            return Err(DirectoryError::Taken {
                path: self.directory.clone(),
                found: described(new.node, new.cluster.id),
                wanted: described(old.node, old.cluster.id),
            });
        }
        Ok(Arc::new(renewed))
    }
}
