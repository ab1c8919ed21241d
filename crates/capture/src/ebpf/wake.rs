//! The kernel's wake-ups, and nothing else: a ring with something in it is no reason to run.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Waits for the programs to wake the reader. They do when much waits, so that a message does not cost a
/// wake-up; `poll` would return at once for a single record, and again for the next one, all the time
/// on a busy host.
pub struct WakeUps(OwnedFd);

impl WakeUps {
    pub fn of(ring: RawFd) -> io::Result<WakeUps> {
        // SAFETY: no pointers; the descriptor is checked and then owned.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `epoll` is open and nobody else's.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | libc::EPOLLET) as u32,
            u64: 0,
        };
        // SAFETY: both descriptors are open, `event` is valid for the call.
        match unsafe {
            libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, ring, &raw mut event)
        } {
            0 => Ok(WakeUps(epoll)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Until the next wake-up, at most `timeout`. A wake-up since the last call counts.
    pub fn wait(&self, timeout: Duration) {
        let ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: `event` has room for the one event that is asked for.
        unsafe { libc::epoll_wait(self.0.as_raw_fd(), &raw mut event, 1, ms) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_is_there_and_was_told_of_wakes_once() {
        let (reader, mut writer) = io::pipe().unwrap();
        let wake = WakeUps::of(reader.as_raw_fd()).unwrap();
        let waited = |timeout| {
            let began = Instant::now();
            wake.wait(Duration::from_millis(timeout));
            began.elapsed()
        };
        writer.write_all(b"x").unwrap();
        assert!(waited(10_000) < Duration::from_secs(5));
        // Nobody read it: `poll` would return at once.
        assert!(waited(30) >= Duration::from_millis(29));
        writer.write_all(b"y").unwrap();
        assert!(waited(10_000) < Duration::from_secs(5));
    }
}
