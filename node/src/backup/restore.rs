//! Makes the data directory of a cluster's first node of a backup. Works on files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use atp_consensus::journal::Journal;
use atp_consensus::meta::Meta;
use atp_consensus::restore::{self, Founder};
use atp_protocol::cluster::GroupId;
use atp_protocol::ids::AccountId;
use atp_storage::backup::BackupReader;
use atp_storage::snapshot::{Id, Snapshots};

use super::{BackupFault, Manifest};
use crate::cluster::{READS, open_store, place_alone};
use crate::identity::{self, Membership, Name};

/// Bytes of a backup that are read at once.
const PIECE: usize = 256 * 1024;

/// Where a backup begins a cluster.
struct Place {
    founder: Founder,
    /// Whose the data directory is to be.
    owner: Option<Name>,
    journals: u16,
}

/// Reads a backup whole and checks it. What it says of itself.
///
/// # Errors
/// [`BackupFault::Backup`], [`BackupFault::File`].
pub(crate) fn verify(backup: &Path) -> Result<Manifest, BackupFault> {
    let reader = open(backup)?;
    let manifest = manifest(backup, &reader)?;
    reader.verify().map_err(BackupFault::backup(backup))?;
    Ok(manifest)
}

/// Makes `out`, from which the first node of the cluster that `node` is a directory of begins with what is in the backup; without `node` a
/// node by itself does. `out` gets its name when all of it is durable.
///
/// # Errors
/// [`BackupFault`].
pub(crate) fn restore(backup: &Path, node: Option<&Path>, out: &Path) -> Result<Manifest, BackupFault> {
    let place = place(node)?;
    check_free(out)?;
    // The whole of it, before anything is made of a part.
    let manifest = verify(backup)?;
    check(backup, &manifest, &place)?;
    let part = beside(out);
    fs::create_dir(&part).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => BackupFault::Unfit(format!(
            "{} is left of an attempt that was broken off; remove it",
            part.display()
        )),
        _ => BackupFault::file(&part)(source),
    })?;
    let made = fill(backup, &manifest, &place, &part).and_then(|()| name(&part, out));
    if made.is_err() {
        // Best effort: a later attempt says that it is there.
        let _ = fs::remove_dir_all(&part);
    }
    made.map(|()| manifest)
}

fn open(backup: &Path) -> Result<BackupReader<BufReader<File>>, BackupFault> {
    let file = File::open(backup).map_err(BackupFault::file(backup))?;
    BackupReader::open(BufReader::new(file)).map_err(BackupFault::backup(backup))
}

fn manifest<R: std::io::Read>(backup: &Path, reader: &BackupReader<R>) -> Result<Manifest, BackupFault> {
    serde_json::from_slice(reader.metadata()).map_err(|error| {
        let path = backup.display();
        BackupFault::Unfit(format!(
            "{path} does not say what is in it: {error}; use the release that wrote it"
        ))
    })
}

fn place(node: Option<&Path>) -> Result<Place, BackupFault> {
    let Some(dir) = node else {
        let place = place_alone("");
        return Ok(Place {
            founder: Founder {
                node: place.node,
                address: place.address,
            },
            owner: None,
            journals: place.journals,
        });
    };
    let member = Membership::read(dir)?;
    let first = member.cluster.first;
    if member.node != first {
        return Err(BackupFault::Unfit(format!(
            "{} is the directory of node {}; a cluster begins with its first node, {first}, which the others join",
            dir.display(),
            member.node
        )));
    }
    Ok(Place {
        owner: Some(member.name()),
        journals: member.cluster.journals,
        founder: Founder {
            node: member.node,
            address: member.address.to_string(),
        },
    })
}

/// Whether the cluster can begin with what is in the backup, and this release with its commands.
fn check(backup: &Path, manifest: &Manifest, place: &Place) -> Result<(), BackupFault> {
    let path = backup.display();
    let unfit = |why: String| Err(BackupFault::Unfit(format!("{path}: {why}")));
    if manifest.cluster_version > READS {
        return unfit(format!(
            "it is of cluster version {}, this release reads up to {READS}; restore it with release {} or a later one",
            manifest.cluster_version, manifest.release
        ));
    }
    if manifest.journals != place.journals {
        return unfit(format!(
            "it is of a cluster with {} journal groups, and this one has {}; make one with `atpctl cluster init --journals {}`",
            manifest.journals, place.journals, manifest.journals
        ));
    }
    let groups: BTreeSet<u16> = manifest.groups.iter().map(|part| part.group).collect();
    match groups.into_iter().eq(0..=manifest.journals) {
        true => Ok(()),
        false => unfit("it has not every group of its cluster; use another backup".to_owned()),
    }
}

fn check_free(out: &Path) -> Result<(), BackupFault> {
    match fs::read_dir(out).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(BackupFault::Occupied { path: out.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BackupFault::file(out)(error)),
    }
}

fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".restoring");
    name.into()
}

/// Makes all that the node starts from.
fn fill(backup: &Path, manifest: &Manifest, place: &Place, dir: &Path) -> Result<(), BackupFault> {
    identity::claim(dir, place.owner)?;
    let (_store, mut writer, files) = open_store(dir)?;
    let images = receive(backup, manifest, &files)?;
    let mut votes = Vec::with_capacity(images.len());
    let mut accounts: BTreeSet<AccountId> = BTreeSet::new();
    let failed = |group| move |source| BackupFault::Group { group, source };
    for group in GroupId::journals(manifest.journals) {
        let vote = restore::restore::<Journal>(&files, images[&group.0], &place.founder, READS, |journal| {
            let known = journal.home().ledger().accounts();
            accounts.extend(known.map(|(id, _)| id.clone()));
        });
        votes.push(vote.map_err(failed(group))?);
    }
    let vote = restore::restore::<Meta>(&files, images[&GroupId::META.0], &place.founder, READS, |meta| {
        meta.keep_accounts(&accounts);
    });
    votes.push(vote.map_err(failed(GroupId::META))?);
    let committed = writer.commit(&votes);
    committed.map_err(|error| BackupFault::Store(error.to_string()))
}

/// The images, as they are in the backup.
fn receive(backup: &Path, manifest: &Manifest, files: &Snapshots) -> Result<BTreeMap<u16, Id>, BackupFault> {
    let wrong = BackupFault::backup(backup);
    let mut reader = open(backup)?;
    let mut images = BTreeMap::new();
    while let Some((group, _)) = reader.next_group().map_err(&wrong)? {
        let index = manifest.groups.iter().find(|part| part.group == group);
        let Some(number) = index.map(|part| part.index) else {
            continue;
        };
        let id = Id { group, number };
        let mut received = files.receive(id)?;
        while let Some(bytes) = reader.read(PIECE).map_err(&wrong)? {
            received.append(&bytes)?;
        }
        received.finish()?;
        images.insert(group, id);
    }
    match images.len() == manifest.groups.len() {
        true => Ok(images),
        false => {
            let path = backup.display();
            Err(BackupFault::Unfit(format!(
                "{path} has not what it says; use another backup"
            )))
        }
    }
}

/// From here on it can be started.
fn name(part: &Path, out: &Path) -> Result<(), BackupFault> {
    let sync = |dir: &Path| {
        let synced = File::open(dir).and_then(|dir| dir.sync_all());
        synced.map_err(BackupFault::file(dir))
    };
    sync(part)?;
    fs::rename(part, out).map_err(BackupFault::file(out))?;
    match out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync(parent),
        None => sync(Path::new(".")),
    }
}
