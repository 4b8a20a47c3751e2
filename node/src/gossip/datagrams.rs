//! The seam to the link, and chitchat's sockets on top of it.

use std::future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use atp_protocol::cluster::NodeId;
use chitchat::transport::{Socket, Transport};
use chitchat::{ChitchatMessage, Deserializable, Serializable};
use tonic::async_trait;
use tracing::debug;

use crate::environment::Pending;

/// Longest message.
const LONGEST: usize = 64 << 10;

/// Messages to members, which may be lost, doubled and reordered.
pub trait Datagrams: Send + Sync + 'static {
    /// Sends without waiting. A message to a member without a connection is lost, and so is one that finds a full queue.
    fn send(&mut self, to: NodeId, message: Vec<u8>);

    /// The next message and the member that sent it, as its certificate says; `None` at the end. May be dropped while it waits.
    fn recv(&mut self) -> Pending<'_, Option<(NodeId, Vec<u8>)>>;
}

/// Hands its datagrams to chitchat, once.
pub(super) struct Carrier<D>(Mutex<Option<D>>);

struct Lane<D>(D);

impl<D: Datagrams> Carrier<D> {
    pub(super) const fn new(datagrams: D) -> Self {
        Self(Mutex::new(Some(datagrams)))
    }
}

#[async_trait]
impl<D: Datagrams> Transport for Carrier<D> {
    async fn open(&self, _: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let mut datagrams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(Lane(datagrams.take().context("opened before")?)))
    }
}

#[async_trait]
impl<D: Datagrams> Socket for Lane<D> {
    async fn send(&mut self, to: SocketAddr, message: ChitchatMessage) -> anyhow::Result<()> {
        let bytes = message.serialize_to_vec();
        match member_at(to) {
            Some(member) if bytes.len() <= LONGEST => self.0.send(member, bytes),
            Some(_) | None => debug!(%to, bytes = bytes.len(), "gossip that cannot be sent"),
        }
        Ok(())
    }

    async fn recv(&mut self) -> anyhow::Result<(SocketAddr, ChitchatMessage)> {
        loop {
            let Some((member, bytes)) = self.0.recv().await else {
                // an error would end the gossip with a complaint about UDP; it ends with its handle
                return future::pending().await;
            };
            match decode(&bytes) {
                Some(message) => return Ok((address_of(member), message)),
                None => debug!(%member, bytes = bytes.len(), "malformed gossip"),
            }
        }
    }
}

/// `None` unless it is one whole message of a permitted size.
pub(super) fn decode(mut bytes: &[u8]) -> Option<ChitchatMessage> {
    if bytes.len() > LONGEST {
        return None;
    }
    let message = ChitchatMessage::deserialize(&mut bytes).ok()?;
    bytes.is_empty().then_some(message)
}

/// chitchat knows members by socket address. These lead nowhere: `fd61:7470::<N>`, of the range for private use (RFC 4193).
pub(super) fn address_of(member: NodeId) -> SocketAddr {
    let ip = Ipv6Addr::new(0xfd61, 0x7470, 0, 0, 0, 0, 0, member.get());
    SocketAddr::from((ip, 1))
}

/// The member whose address it is; others may say anything of addresses, so `None` where it is nobody's.
pub(super) fn member_at(address: SocketAddr) -> Option<NodeId> {
    let IpAddr::V6(ip) = address.ip() else {
        return None;
    };
    let member = NodeId::new(ip.segments()[7])?;
    (address_of(member) == address).then_some(member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_back_to_its_member_and_others_to_nobody() {
        for number in [1, 7, u16::MAX] {
            let member = NodeId::new(number).unwrap();
            assert_eq!(member_at(address_of(member)), Some(member));
        }
        for other in ["127.0.0.1:1", "[fd61:7470::1]:2", "[fd61:7470::]:1", "[::1]:1"] {
            assert_eq!(member_at(other.parse().unwrap()), None, "{other}");
        }
    }
}
