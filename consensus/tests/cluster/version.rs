//! An upgrade of one member after the other: commands of the later release wait for the last of them.

use std::sync::Arc;
use std::time::Duration;

use atp_consensus::command::{self, Body, CommandError, Tag};
use atp_consensus::config::{Environment, Options};
use atp_consensus::group::{Group, OpenError, ProposeError, Role};
use atp_consensus::groups::Groups;
use atp_consensus::machine::{Applied, Context, LoadError, Machine};
use atp_consensus::meta::Meta;
use atp_consensus::meta::cluster::{
    Identity, InitCluster, PutMember, PutMemberReply, RaiseVersion, RaiseVersionReply,
};
use atp_consensus::version::Agreed;
use atp_protocol::cluster::GroupId;
use atp_storage::disk::{Loss, MemoryDisk};
use atp_storage::snapshot::Snapshots;
use atp_storage::store::Store;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::cluster::{LONG, node};
use crate::disk::{Inline, SlowLogIo};
use crate::network::Network;

/// What the later release brings in.
#[derive(Debug, Serialize, Deserialize)]
struct Note(String);

impl Body for Note {
    const TAG: Tag = Tag {
        family: 1,
        variant: 900,
        schema: 2,
    };
    type Reply = ();
}

/// `meta` as a release has it that reads schemas up to `READS`; the second knows notes.
#[derive(Debug, Default)]
struct Release<const READS: u16> {
    meta: Meta,
    notes: Vec<String>,
}

impl<const READS: u16> Machine for Release<READS> {
    type Effect = atp_consensus::meta::Effect;

    const FAMILIES: &'static [u16] = Meta::FAMILIES;

    fn agreed(&self) -> Option<&Agreed> {
        self.meta.agreed()
    }

    fn apply(&mut self, context: &Context, bytes: &[u8]) -> Result<Applied<Self::Effect>, CommandError> {
        let (tag, body) = command::open(bytes)?;
        if tag != Note::TAG || READS < 2 {
            return self.meta.apply(context, bytes);
        }
        self.notes.push(command::body::<Note>(body)?.0);
        Ok(Applied {
            reply: Vec::new(),
            effects: Vec::new(),
        })
    }

    fn save(&self) -> Vec<Vec<u8>> {
        let mut pieces = self.meta.save();
        pieces.push(self.notes.join("\n").into_bytes());
        pieces
    }

    fn load(pieces: &[Vec<u8>]) -> Result<Self, LoadError> {
        let (notes, meta) = pieces.split_last().unwrap();
        let notes = String::from_utf8(notes.clone()).unwrap();
        Ok(Self {
            meta: Meta::load(meta)?,
            notes: notes.lines().map(str::to_owned).collect(),
        })
    }
}

/// A member that runs a release.
struct Running<const READS: u16> {
    groups: Groups,
    group: Group<Release<READS>>,
}

async fn try_start<const READS: u16>(
    network: &Network,
    number: u16,
    disk: &MemoryDisk,
) -> Result<Running<READS>, OpenError> {
    atp_consensus::runtime::seed_thread(u64::from(number));
    let disk: Arc<MemoryDisk> = Arc::new(disk.clone());
    let options = atp_storage::store::Options::default();
    let (store, writer) = Store::open(disk.clone(), options).unwrap();
    let environment = Environment {
        node: node(number),
        store,
        log_io: SlowLogIo::new(
            writer,
            Duration::from_millis(1),
            watch::Sender::new(false).subscribe(),
        ),
        snapshots: Snapshots::new(disk),
        transport: network.transport(node(number)),
        blocking: Arc::new(Inline),
        clock: Arc::new(|| 1_000_000),
        reads: READS,
    };
    let groups = Groups::new(environment, Options::default());
    let group = groups
        .open(GroupId::META, Release::default(), Box::new(|_| {}))
        .await?;
    network.connect(node(number), groups.clone());
    Ok(Running { groups, group })
}

async fn start<const READS: u16>(network: &Network, number: u16, disk: &MemoryDisk) -> Running<READS> {
    try_start(network, number, disk).await.unwrap()
}

impl<const READS: u16> Running<READS> {
    async fn stop(self, network: &Network, number: u16, disk: &MemoryDisk) {
        network.disconnect(node(number));
        disk.power_loss(Loss::Tail { kept: 0 });
        self.groups.stop(LONG).await;
    }

    async fn propose<B: Body>(&self, body: &B) -> Result<B::Reply, ProposeError> {
        let proposed = self.group.propose(command::encode(body).unwrap(), LONG).await?;
        self.group.wait_applied(proposed.index, LONG).await.unwrap();
        Ok(atp_protocol::encoding::decode(&proposed.reply).unwrap())
    }

    /// As a node does when it starts.
    async fn introduce(&self, number: u16) -> PutMemberReply {
        let put = PutMember {
            node: node(number),
            name: format!("n{number}"),
            link: format!("node-{number}"),
            api: String::new(),
            reads: READS,
        };
        self.propose(&put).await.unwrap()
    }
}

fn note(text: &str) -> Note {
    Note(text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_command_of_a_later_release_waits_until_the_last_member_is_upgraded() {
    let network = Network::default();
    let disks = [(); 3].map(|()| MemoryDisk::new());
    let one = start::<2>(&network, 1, &disks[0]).await;
    let two = start::<2>(&network, 2, &disks[1]).await;
    let old = start::<1>(&network, 3, &disks[2]).await;
    one.groups.initialise("node-1").await.unwrap();
    // The cluster was made by the release before.
    let init = InitCluster {
        identity: Identity {
            id: "c".to_owned(),
            journals: 8,
        },
        version: 1,
        release: "0.1.0".to_owned(),
    };
    one.propose(&init).await.unwrap();
    for number in [2, 3] {
        let address = format!("node-{number}");
        one.group.add_learner(node(number), address, LONG).await.unwrap();
    }
    one.group.change_voters([1, 2, 3].map(node), LONG).await.unwrap();
    assert_eq!(one.introduce(1).await, PutMemberReply::Put);
    assert_eq!(two.introduce(2).await, PutMemberReply::Put);
    assert_eq!(old.introduce(3).await, PutMemberReply::Put);

    let refused = Err(ProposeError::NotYet {
        schema: 2,
        version: 1,
    });
    assert_eq!(one.propose(&note("too early")).await, refused);
    assert_eq!(
        two.propose(&note("too early")).await,
        refused,
        "by the leader, whoever asks"
    );
    let next = |running: &Running<2>| {
        running
            .group
            .read(|release| release.meta.cluster().next_version())
    };
    assert_eq!(next(&one), None);
    let raise = RaiseVersion {
        to: 2,
        release: "0.2.0".to_owned(),
    };
    let behind = RaiseVersionReply::Behind(vec![node(3)]);
    assert_eq!(one.propose(&raise).await, Ok(behind));
    // An old leader refuses it as well.
    one.group.transfer(node(3), LONG).await.unwrap();
    assert_eq!(two.propose(&note("too early")).await, refused);
    assert_eq!(old.group.status().role, Role::Leader);

    old.stop(&network, 3, &disks[2]).await;
    let three = start::<2>(&network, 3, &disks[2]).await;
    assert_eq!(three.introduce(3).await, PutMemberReply::Put);
    let seen = one.group.linearize(LONG).await;
    assert!(seen.is_ok(), "{seen:?}");
    assert_eq!(next(&one), Some(2));
    let raised = RaiseVersionReply::Raised { version: 2 };
    assert_eq!(one.propose(&raise).await, Ok(raised));
    // Whoever leads may hear of it a moment later.
    for running in [&one, &two, &three] {
        running.group.linearize(LONG).await.unwrap();
    }
    two.propose(&note("in time")).await.unwrap();
    for running in [&one, &two, &three] {
        running.group.linearize(LONG).await.unwrap();
        running
            .group
            .read(|release| assert_eq!(release.notes, ["in time"]));
    }

    // There is no way back: not with the log, and not with a snapshot.
    let names = |why: &str| why.contains("start release 0.2.0 or a later one");
    three.stop(&network, 3, &disks[2]).await;
    let back = start::<1>(&network, 3, &disks[2]).await;
    let mut status = back.group.watch();
    let stopped = status.wait_for(|status| status.fault.is_some());
    let stopped = tokio::time::timeout(LONG, stopped).await.unwrap().unwrap();
    assert!(stopped.fault.as_deref().is_some_and(names), "{stopped:?}");
    back.stop(&network, 3, &disks[2]).await;
    let three = start::<2>(&network, 3, &disks[2]).await;
    three.group.linearize(LONG).await.unwrap();
    three.group.snapshot(LONG).await.unwrap();
    three.stop(&network, 3, &disks[2]).await;
    let refused = try_start::<1>(&network, 3, &disks[2])
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(names(&refused.to_string()), "{refused}");

    // Nor does a node of the old release begin as another member, that is sent a snapshot.
    for running in [&one, &two] {
        running.group.linearize(LONG).await.unwrap();
    }
    let fresh = MemoryDisk::new();
    let late = start::<1>(&network, 4, &fresh).await;
    let leader = match one.group.status().role {
        Role::Leader => &one,
        _ => &two,
    };
    let added = leader.group.add_learner(node(4), "node-4".to_owned(), LONG).await;
    assert!(added.is_ok(), "{added:?}");
    let mut status = late.group.watch();
    let stopped = status.wait_for(|status| status.fault.is_some());
    let stopped = tokio::time::timeout(LONG, stopped).await.unwrap().unwrap();
    assert!(stopped.fault.as_deref().is_some_and(names), "{stopped:?}");
}
