//! etcd: how a member is started, and what is asked of it over gRPC.
//!
//! The messages are the part of `etcdserverpb` (rpc.proto of etcd 3.4) that is used; fields that are not named here
//! are skipped when read.

use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use crate::fleet::Member;

/// `PutRequest`.
#[derive(Clone, PartialEq, Message)]
struct Put {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// `PutResponse`.
#[derive(Clone, PartialEq, Message)]
struct PutDone {}

/// `StatusRequest`.
#[derive(Clone, PartialEq, Message)]
struct AskStatus {}

/// `StatusResponse`.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    /// Member id of the leader; 0 when there is none.
    #[prost(uint64, tag = "4")]
    leader: u64,
}

/// `ResponseHeader`.
#[derive(Clone, PartialEq, Message)]
struct Header {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}

/// A connection to one member, shared by its clones.
#[derive(Debug, Clone)]
pub(super) struct Client(Grpc<Channel>);

impl Client {
    /// Connects when it is used, and again after the connection was lost.
    pub(super) fn new(url: &str) -> Result<Self> {
        Ok(Self(Grpc::new(
            Endpoint::from_shared(url.to_owned())?
                .tcp_nodelay(true)
                .connect_lazy(),
        )))
    }

    /// Puts `value` under `key`; returns when it is committed.
    pub(super) async fn put(&mut self, key: Bytes, value: Bytes) -> Result<()> {
        let _: PutDone = self.call("/etcdserverpb.KV/Put", Put { key, value }).await?;
        Ok(())
    }

    /// Whether the member knows a leader, and whether it is that leader.
    pub(super) async fn leads(&mut self) -> Result<(bool, bool)> {
        let status: Status = self
            .call("/etcdserverpb.Maintenance/Status", AskStatus {})
            .await?;
        let own = status.header.context("a status without a header")?.member_id;
        Ok((status.leader != 0, status.leader == own))
    }

    async fn call<Q, A>(&mut self, path: &'static str, question: Q) -> Result<A>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        self.0.ready().await?;
        let codec = ProstCodec::<Q, A>::default();
        let path = PathAndQuery::from_static(path);
        let answer = self.0.unary(tonic::Request::new(question), path, codec).await?;
        Ok(answer.into_inner())
    }
}

/// The members of a cluster of as many as `ports`, each for clients and for members; settings as they come.
pub(super) fn members(program: &Path, directory: &Path, ports: &[(u16, u16)]) -> Vec<Member> {
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let all: Vec<String> = ports
        .iter()
        .enumerate()
        .map(|(index, (_, peer))| format!("m{index}={}", url(*peer)))
        .collect();
    let member = |(index, (client, peer)): (usize, &(u16, u16))| {
        let (client, peer) = (url(*client), url(*peer));
        let settings = [
            ("name", format!("m{index}")),
            (
                "data-dir",
                directory.join(format!("m{index}")).display().to_string(),
            ),
            ("listen-client-urls", client.clone()),
            ("advertise-client-urls", client),
            ("listen-peer-urls", peer.clone()),
            ("initial-advertise-peer-urls", peer),
            ("initial-cluster", all.join(",")),
            ("logger", "zap".to_owned()),
            ("log-level", "error".to_owned()),
        ];
        let mut line = vec![program.display().to_string()];
        line.extend(settings.map(|(name, value)| format!("--{name}={value}")));
        Member::new(line, directory.join(format!("m{index}.log")))
    };
    ports.iter().enumerate().map(member).collect()
}
