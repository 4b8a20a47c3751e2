//! `atpctl backup`, `atpctl storage restore` and `atpctl storage verify BACKUP`.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use hyper::body::Incoming;
use serde_json::json;

use super::client::{As, gather, next};
use super::{Failure, Operator, Screen};
use crate::backup::{self, BackupFault, Manifest};

/// Longest wait for the node to write the images of its groups.
const PATIENCE: Duration = Duration::from_secs(600);

/// Longest silence while it sends them.
const SILENCE: Duration = Duration::from_secs(60);

/// Takes a backup through any member. The file gets its name when it is whole, checked and synced.
pub(super) async fn run(operator: &mut Operator, file: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(file).is_ok() {
        return Err(Failure::Verdict(format!(
            "{} is there already; name another file",
            file.display()
        )));
    }
    let client = &operator.client;
    let reply = client.send(As::Admin, Method::GET, "/v1/admin/backup", None, PATIENCE);
    let reply = reply.await?;
    if reply.status != 200 {
        return Err(Failure::refused(reply.status, &gather(reply.body).await?));
    }
    let part = part(file);
    let taken = match save(reply.body, &part).await {
        Ok(()) => backup::verify(&part).map_err(told),
        Err(failure) => Err(failure),
    };
    let manifest = match taken {
        Ok(manifest) => manifest,
        Err(failure) => {
            // Best effort: it is written over by the next attempt.
            let _ = fs::remove_file(&part);
            return Err(failure);
        }
    };
    fs::rename(&part, file).map_err(failed(file))?;
    show(&mut operator.screen, file, &manifest, "backup")
}

/// Checks a backup.
pub(super) fn verify(screen: &mut Screen, file: &Path) -> Result<(), Failure> {
    let manifest = backup::verify(file).map_err(told)?;
    show(screen, file, &manifest, "ok: backup")
}

/// Begins another cluster.
pub(super) fn restore(
    screen: &mut Screen,
    file: &Path,
    out: &Path,
    node: Option<&Path>,
) -> Result<(), Failure> {
    let manifest = backup::restore(file, node, out).map_err(told)?;
    show(screen, file, &manifest, "restored backup")?;
    screen.aside(&format!(
        "start the cluster's first node with node.data_dir = {:?}, then join the others with empty data directories",
        out.display().to_string()
    ))
}

fn show(screen: &mut Screen, file: &Path, manifest: &Manifest, what: &str) -> Result<(), Failure> {
    if screen.is_json {
        return screen.json(&json!({ "file": file, "ok": true, "backup": manifest }));
    }
    let bytes: u64 = manifest.groups.iter().map(|part| part.bytes).sum();
    screen.line(&format!(
        "{what} {} of cluster {}: {} groups, {bytes} bytes, release {}",
        file.display(),
        manifest.cluster,
        manifest.groups.len(),
        manifest.release
    ))
}

async fn save(mut body: Incoming, part: &Path) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut out: File = options.open(part).map_err(failed(part))?;
    loop {
        let piece = tokio::time::timeout(SILENCE, next(&mut body)).await;
        let piece =
            piece.map_err(|_| Failure::Unexpected("the backup broke off; take it again".to_owned()))?;
        match piece? {
            Some(piece) => out.write_all(&piece).map_err(failed(part))?,
            None => return out.sync_all().map_err(failed(part)),
        }
    }
}

fn part(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let what = path.display().to_string();
    move |source| Failure::File { what, source }
}

fn told(fault: BackupFault) -> Failure {
    Failure::Verdict(fault.to_string())
}
