//! Proposes decisions to their journal groups, each group's in order and one command after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atp_consensus::group::Group;
use atp_consensus::journal::Journal;
use atp_consensus::journal::decisions::{
    AppendDecisions, AppendDecisionsReply, RECORD_MAX, RECORDS_PER_COMMAND,
};
use atp_protocol::cluster::GroupId;
use atp_protocol::ids::TenantId;
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::mpsc;
use tracing::debug;

use super::{GATHER, Message, QUEUE, Queue};
use crate::cluster::{Cluster, PATIENCE, propose};

/// Before a group is asked again.
const AGAIN: Duration = Duration::from_millis(250);

/// Bytes of records in one command, roughly; an entry of the log takes a mebibyte.
const COMMAND_BYTES: usize = 512 * 1024;

/// Records by chain, in order.
type Batch = BTreeMap<TenantId, Vec<Vec<u8>>>;

pub(super) struct Appender {
    cluster: Cluster,
    queue: Arc<Queue>,
    writers: Vec<Writer>,
}

/// Where this node stands in a group.
#[derive(Default)]
struct Writer {
    /// Which life of this node writes, once the group was asked what it knows.
    incarnation: Option<u64>,
    /// Number of the last command taken.
    number: u64,
}

impl Appender {
    pub(super) fn new(cluster: Cluster, queue: Arc<Queue>) -> Self {
        let writers = cluster.journals.iter().map(|_| Writer::default()).collect();
        Self {
            cluster,
            queue,
            writers,
        }
    }

    pub(super) async fn run(mut self, mut noted: mpsc::Receiver<Message>) {
        let mut messages = Vec::new();
        while let Some(first) = noted.recv().await {
            messages.push(first);
            tokio::time::sleep(GATHER).await;
            while messages.len() < QUEUE
                && let Ok(message) = noted.try_recv()
            {
                messages.push(message);
            }
            self.append(&mut messages).await;
        }
    }

    async fn append(&mut self, messages: &mut Vec<Message>) {
        let mut batches: BTreeMap<GroupId, Batch> = BTreeMap::new();
        let mut flushed = Vec::new();
        for message in messages.drain(..) {
            match message {
                Message::Note(decided) => {
                    let group = self
                        .cluster
                        .owners
                        .group(&decided.tenant, decided.session.as_str());
                    self.put(&mut batches, group, &decided.tenant, decided.record());
                }
                Message::Flush(done) => flushed.push(done),
            }
        }
        for (tenant, count) in self.queue.take_lost() {
            let group = self.cluster.owners.group(&tenant, "");
            let gap = json!({ "schema_version": "2.0", "kind": "gap", "org_id": tenant, "count": count });
            self.put(&mut batches, group, &tenant, gap);
        }
        let (cluster, queue) = (&self.cluster, &self.queue);
        let groups = cluster.journals.iter().zip(&mut self.writers);
        let appending = groups.filter_map(|(group, writer)| {
            let batch = batches.remove(&group.id())?;
            Some(writer.append(cluster, queue, group, batch))
        });
        join_all(appending.collect::<Vec<_>>()).await;
        for done in flushed {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
    }

    fn put(
        &self,
        batches: &mut BTreeMap<GroupId, Batch>,
        group: GroupId,
        tenant: &TenantId,
        mut record: serde_json::Value,
    ) {
        record["cluster_id"] = self.cluster.place.cluster.as_str().into();
        record["node_id"] = self.cluster.node().get().into();
        let record = record.to_string().into_bytes();
        if record.len() > RECORD_MAX {
            return self.queue.lose(tenant, 1);
        }
        let chains = batches.entry(group).or_default();
        chains.entry(tenant.clone()).or_default().push(record);
    }
}

impl Writer {
    async fn append(&mut self, cluster: &Cluster, queue: &Queue, group: &Group<Journal>, batch: Batch) {
        for (tenant, records) in batch {
            let mut records = records.into_iter().peekable();
            while records.peek().is_some() {
                let mut bytes = 0;
                let mut piece = Vec::new();
                while let Some(record) =
                    records.next_if(|record| piece.is_empty() || bytes + record.len() <= COMMAND_BYTES)
                {
                    bytes += record.len();
                    piece.push(record);
                    if piece.len() == RECORDS_PER_COMMAND {
                        break;
                    }
                }
                let count = piece.len() as u64;
                match self.command(cluster, group, &tenant, piece).await {
                    true => queue.meter.decisions.increment(count),
                    false => queue.lose(&tenant, count),
                }
            }
        }
    }

    /// Has a command taken, however long that takes: what is decided meanwhile queues. False for one that never will be.
    async fn command(
        &mut self,
        cluster: &Cluster,
        group: &Group<Journal>,
        tenant: &TenantId,
        records: Vec<Vec<u8>>,
    ) -> bool {
        let mut append = AppendDecisions {
            node: cluster.node(),
            incarnation: 0,
            number: 0,
            tenant: tenant.clone(),
            records: records.into_iter().map(Into::into).collect(),
        };
        loop {
            append.incarnation = self.incarnation(cluster, group).await;
            append.number = self.number + 1;
            match propose(group, &append).await {
                Ok(AppendDecisionsReply::Appended { .. } | AppendDecisionsReply::Repeated) => {
                    self.number += 1;
                    return true;
                }
                Ok(AppendDecisionsReply::Expected { number }) => self.number = number.saturating_sub(1),
                Ok(AppendDecisionsReply::Superseded) => self.incarnation = None,
                Ok(AppendDecisionsReply::TooLong | AppendDecisionsReply::TooMany) => return false,
                Err(fault) => {
                    debug!(group = %group.id(), %fault, "decisions are not on record yet");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// The life under which this node writes to a group: later than any that the group knows, whatever the clock said.
    async fn incarnation(&mut self, cluster: &Cluster, group: &Group<Journal>) -> u64 {
        if let Some(known) = self.incarnation {
            return known;
        }
        while group.linearize(PATIENCE).await.is_err() {
            tokio::time::sleep(AGAIN).await;
        }
        let before = group.read(|journal| journal.decisions().incarnation(cluster.node()));
        let incarnation = before.map_or(cluster.life, |before| cluster.life.max(before + 1));
        self.number = 0;
        *self.incarnation.insert(incarnation)
    }
}
