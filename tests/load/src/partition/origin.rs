//! Which member a connection is from, by the process that owns its other end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use procfs::process::{FDTarget, Process};

use super::diag;

/// The processes of the members, shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct Origins(Rc<RefCell<BTreeMap<usize, u32>>>);

impl Origins {
    /// `member` is the process `pid` from here on.
    pub fn set(&self, member: usize, pid: Option<u32>) {
        let mut pids = self.0.borrow_mut();
        match pid {
            Some(pid) => pids.insert(member, pid),
            None => pids.remove(&member),
        };
    }

    /// The member with the socket that is bound to `local` and connected to `remote`, 0 if it is none's.
    pub(super) fn of(&self, local: SocketAddr, remote: SocketAddr) -> usize {
        let Ok(Some(inode)) = diag::inode(local, remote) else {
            return 0;
        };
        let owns = |pid: u32| {
            let process = i32::try_from(pid).ok().and_then(|pid| Process::new(pid).ok());
            let files = process.and_then(|process| process.fd().ok());
            files
                .into_iter()
                .flatten()
                .flatten()
                .any(|file| matches!(file.target, FDTarget::Socket(socket) if socket == inode))
        };
        let pids = self.0.borrow();
        pids.iter()
            .find(|(_, pid)| owns(**pid))
            .map_or(0, |(member, _)| *member)
    }
}
