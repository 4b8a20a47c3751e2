//! The socket of a connection's other end, asked of the kernel by its addresses (sock_diag(7)).
//!
//! `/proc/net/tcp` would do as well, but reading it takes tens of milliseconds of this thread, which carries the bytes of everybody.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// `SOCK_DIAG_BY_FAMILY`, of requests and answers.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// Where an answer has the inode: behind a `nlmsghdr` and most of an `inet_diag_msg`.
const INODE: std::ops::Range<usize> = 84..88;

/// The inode of the TCP socket of this machine that is bound to `local` and connected to `remote`; `None` if there is none.
///
/// # Errors
/// Where the kernel cannot be asked.
pub(super) fn inode(local: SocketAddr, remote: SocketAddr) -> io::Result<Option<u64>> {
    let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
    let kernel = socket_with(family, SocketType::DGRAM, flags, Some(netlink::SOCK_DIAG))?;
    send(&kernel, &request(local, remote), SendFlags::empty())?;
    let mut answer = [0; 512];
    let (_, length) = recv(&kernel, &mut answer[..], RecvFlags::empty())?;
    let answer = &answer[..length.min(512)];
    let is_found = answer.get(4..6) == Some(&BY_FAMILY.to_ne_bytes()[..]);
    let inode = answer.get(INODE).and_then(|bytes| bytes.try_into().ok());
    let inode = inode.map(|bytes| u64::from(u32::from_ne_bytes(bytes)));
    Ok(inode.filter(|inode| is_found && *inode > 0))
}

/// A `nlmsghdr` and an `inet_diag_req_v2`.
fn request(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let family = if local.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let family = u8::try_from(family.as_raw()).expect("both are small numbers");
    let mut bytes = Vec::with_capacity(72);
    bytes.extend(72_u32.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    // No sequence and no port of ours: one question, one answer.
    bytes.extend([0; 8]);
    bytes.extend([family, TCP, 0, 0]);
    // In whatever state.
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(local.port().to_be_bytes());
    bytes.extend(remote.port().to_be_bytes());
    bytes.extend(address(local.ip()));
    bytes.extend(address(remote.ip()));
    // Any interface, and no cookie.
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend([0xFF; 8]);
    bytes
}

fn address(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.octets());
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use procfs::process::{FDTarget, Process};

    use super::*;

    #[test]
    fn a_socket_is_found_by_its_two_addresses() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(host) else {
                continue;
            };
            let remote = listener.local_addr().unwrap();
            let local = TcpStream::connect(remote).unwrap();
            let inode = inode(local.local_addr().unwrap(), remote).unwrap().unwrap();
            let files = Process::myself().unwrap().fd().unwrap().flatten();
            let mine =
                files.filter(|file| matches!(file.target, FDTarget::Socket(socket) if socket == inode));
            assert_eq!(mine.count(), 1, "{host}");
        }
    }

    #[test]
    fn nobody_has_a_socket_that_was_never_made() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (remote, local) = (listener.local_addr().unwrap(), "127.0.0.1:1".parse().unwrap());
        assert_eq!(inode(local, remote).unwrap(), None);
    }
}
