//! Waits for points in time more exactly than a millisecond, which is as fine as tokio's own timer is.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::clock;

/// One kernel timer, awaited by one task at a time.
#[derive(Debug)]
pub struct Pacer {
    timer: AsyncFd<OwnedFd>,
}

impl Pacer {
    /// Needs a tokio runtime with I/O enabled, and one file descriptor.
    #[expect(
        deprecated,
        reason = "an `OwnedFd` keeps its descriptor, which the unsafe successor has one promise"
    )]
    pub fn new() -> io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        Ok(Self {
            timer: AsyncFd::new(timer)?,
        })
    }

    /// Returns at `deadline` of [`clock::now`], at once if it has passed.
    pub async fn sleep_until(&self, deadline: Duration) -> io::Result<()> {
        if clock::now() >= deadline {
            return Ok(());
        }
        let once = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec::try_from(deadline).map_err(io::Error::other)?,
        };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
        loop {
            let mut ready = self.timer.readable().await?;
            let mut expirations = [0_u8; 8];
            // An early wake-up reads nothing and waits again.
            if let Ok(read) = ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut expirations)?)) {
                return read.map(|_| ());
            }
        }
    }
}
