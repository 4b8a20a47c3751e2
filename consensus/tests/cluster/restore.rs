//! A cluster that begins with what another one agreed on.

use std::sync::Arc;

use atp_consensus::config::Options;
use atp_consensus::machine::Context;
use atp_consensus::restore::{Founder, Restorable, restore};
use atp_storage::disk::MemoryDisk;
use atp_storage::snapshot::{Id, Snapshots};
use atp_storage::store::Store;

use crate::cluster::{Cluster, GROUP, LONG, node};
use crate::register::Registers;

impl Restorable for Registers {
    fn restored(&mut self, _: &Context) {
        self.values.insert("restored".to_owned(), b"yes".to_vec());
    }
}

/// An image of the group as a member has it, carried away.
async fn image(cluster: &Cluster, at: u16) -> (u64, Vec<u8>) {
    let image = cluster.group(at).image(LONG).await.unwrap();
    let mut bytes = Vec::new();
    while bytes.len() as u64 != image.len() {
        bytes.extend(image.bytes(bytes.len() as u64, 1_000).await.unwrap());
    }
    (image.index(), bytes)
}

/// A disk from which node 1 begins a cluster.
fn disk((index, image): &(u64, Vec<u8>)) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let files = Snapshots::new(Arc::new(disk.clone()));
    let at = Id {
        group: GROUP.0,
        number: *index,
    };
    let mut received = files.receive(at).unwrap();
    received.append(image).unwrap();
    received.finish().unwrap();
    let founder = Founder {
        node: node(1),
        address: "node-1".to_owned(),
    };
    let vote = restore::<Registers>(&files, at, &founder, 1, |_| {}).unwrap();
    let options = atp_storage::store::Options::default();
    let (_store, mut writer) = Store::open(Arc::new(disk.clone()), options).unwrap();
    writer.commit(&[vote]).unwrap();
    disk
}

#[tokio::test(start_paused = true)]
async fn an_image_of_any_member_has_all_that_was_done_and_begins_another_cluster() {
    let old = Cluster::of(3).await;
    let leader = old.leader().await.get();
    let follower = 1 + leader % 3;
    for n in 0..20 {
        old.set(1, &format!("k{n}"), "old").await;
    }
    old.group(leader).transfer(node(follower), LONG).await.unwrap();
    old.set(leader, "last", "old").await;
    let taken = image(&old, leader).await;
    let term = old.group(leader).status().term;
    drop(old);

    let mut new = Cluster::empty(Options::default());
    new.begin_with(node(1), disk(&taken));
    new.start(node(1)).await;
    assert_eq!(new.leader().await, node(1));
    for (key, value) in [("k0", "old"), ("last", "old"), ("restored", "yes")] {
        assert_eq!(new.get(1, key).as_deref(), Some(value), "{key}");
    }
    let status = new.group(1).status();
    assert!(status.term > term, "terms go on: {status:?}");
    let members: Vec<_> = status.members.iter().map(|member| member.node).collect();
    assert_eq!(members, [node(1)]);
    new.set(1, "first", "new").await;
    for number in 2..=3 {
        new.start(node(number)).await;
        let group = new.group(1).clone();
        group
            .add_learner(node(number), format!("node-{number}"), LONG)
            .await
            .unwrap();
    }
    let group = new.group(1).clone();
    group.change_voters([1, 2, 3].map(node), LONG).await.unwrap();
    new.settle().await;
    for at in 1..=3 {
        assert_eq!(new.get(at, "k0").as_deref(), Some("old"));
        assert_eq!(new.get(at, "first").as_deref(), Some("new"));
    }
    // What it began with is as durable as anything else.
    new.fail(node(1)).await;
    new.start(node(1)).await;
    new.settle().await;
    assert_eq!(new.get(1, "restored").as_deref(), Some("yes"));
}
