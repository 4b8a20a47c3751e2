//! `atpctl storage inspect|verify`: works on the files of a node that has stopped.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use atp_storage::disk::{Disk, FileDisk};
use atp_storage::snapshot::{SnapshotReader, Snapshots};
use atp_storage::store::{FORMAT, NAME, Options, Store, Survey};
use serde_json::{Value, json};

use super::args::Storage;
use super::{Failure, Screen, backup};

pub(super) fn run(screen: &mut Screen, command: &Storage) -> Result<(), Failure> {
    match command {
        Storage::Inspect { dir } => inspect(screen, dir),
        Storage::Verify { dir } if dir.is_file() => backup::verify(screen, dir),
        Storage::Verify { dir } => verify(screen, dir),
        Storage::Restore { backup, out, node } => backup::restore(screen, backup, out, node.as_deref()),
    }
}

/// A snapshot's file, its number and its reader.
type Opened = (String, u64, SnapshotReader);

/// What is in a directory.
struct Found {
    survey: Survey,
    snapshots: Snapshots,
}

fn open(dir: &Path) -> Result<Found, Failure> {
    let failed = |source: std::io::Error| Failure::File {
        what: dir.display().to_string(),
        source,
    };
    // neither directory nor store is made here
    if let Err(error) = std::fs::metadata(dir.join(NAME)) {
        return Err(match error.kind() {
            ErrorKind::NotFound => Failure::Verdict(format!(
                "{}: there is no store; name the directory that holds the file `{NAME}`",
                dir.display()
            )),
            _ => failed(error),
        });
    }
    let disk: Arc<dyn Disk> = Arc::new(FileDisk::open(dir).map_err(failed)?);
    let bad = |error: &dyn std::fmt::Display| Failure::Verdict(format!("{}: {error}", dir.display()));
    let (store, _writer) = Store::open(Arc::clone(&disk), Options::default()).map_err(|error| bad(&error))?;
    Ok(Found {
        survey: store.survey().map_err(|error| bad(&error))?,
        snapshots: Snapshots::new(disk),
    })
}

impl Found {
    /// Each snapshot, or what is wrong with it.
    fn snapshots(&self) -> Result<Vec<Result<Opened, String>>, Failure> {
        let ids = self.snapshots.list();
        let ids = ids.map_err(|error| Failure::Verdict(error.to_string()))?;
        let open = |id| match self.snapshots.open(id) {
            Ok(reader) => Ok((id.file(), id.number, reader)),
            Err(error) => Err(error.to_string()),
        };
        Ok(ids.into_iter().map(open).collect())
    }
}

fn inspect(screen: &mut Screen, dir: &Path) -> Result<(), Failure> {
    let found = open(dir)?;
    let mut damaged = found.survey.damaged;
    let mut snapshots = Vec::new();
    for snapshot in found.snapshots()? {
        match snapshot {
            Ok((file, number, reader)) => snapshots.push(json!({
                "file": file,
                "group": reader.header().group,
                "number": number,
                "format": reader.header().format,
                "bytes": reader.file_len(),
                "metadata_bytes": reader.header().metadata.len(),
            })),
            Err(_) => damaged += 1,
        }
    }
    let logs: Vec<Value> = found.survey.logs.iter().map(|(log, is)| {
        json!({"log": log, "first": is.first, "last": is.last, "records": is.records, "bytes": is.bytes})
    }).collect();
    let tables: Vec<Value> = found
        .survey
        .tables
        .iter()
        .map(|(table, is)| json!({"table": table, "rows": is.rows, "bytes": is.bytes}))
        .collect();
    if screen.is_json {
        return screen.json(&json!({
            "format": FORMAT,
            "logs": logs,
            "tables": tables,
            "snapshots": snapshots,
            "damaged": damaged,
        }));
    }
    screen.line(&format!("store, format {FORMAT}"))?;
    rows(screen, &["log", "first", "last", "records", "bytes"], &logs)?;
    rows(screen, &["table", "rows", "bytes"], &tables)?;
    rows(screen, &["file", "format", "bytes", "metadata_bytes"], &snapshots)?;
    match damaged {
        0 => Ok(()),
        _ => screen.line(&format!("{damaged} damaged; `atpctl storage verify` says which")),
    }
}

/// A table of objects, if there are any.
fn rows(screen: &mut Screen, header: &[&str], objects: &[Value]) -> Result<(), Failure> {
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line = |object: &Value| header.iter().map(|name| cell(&object[*name])).collect();
    match objects.is_empty() {
        true => Ok(()),
        false => screen.table(header, &header[1..], objects.iter().map(line).collect()),
    }
}

fn verify(screen: &mut Screen, dir: &Path) -> Result<(), Failure> {
    let found = open(dir)?;
    let mut damage: Vec<String> = found.survey.damage.iter().map(ToString::to_string).collect();
    let mut damaged = found.survey.damaged;
    let mut snapshots = 0;
    for snapshot in found.snapshots()? {
        snapshots += 1;
        let checked =
            snapshot.and_then(|(_, _, mut reader)| reader.verify().map_err(|error| error.to_string()));
        if let Err(what) = checked {
            damaged += 1;
            damage.push(what);
        }
    }
    let records: u64 = found.survey.logs.values().map(|log| log.records).sum();
    let rows: u64 = found.survey.tables.values().map(|table| table.rows).sum();
    if screen.is_json {
        screen.json(&json!({
            "ok": damaged == 0,
            "records": records,
            "rows": rows,
            "snapshots": snapshots,
            "damaged": damaged,
            "damage": damage,
        }))?;
    }
    if damaged > 0 {
        return Err(Failure::Verdict(format!(
            "{damaged} damaged:\n{}",
            damage.join("\n")
        )));
    }
    match screen.is_json {
        true => Ok(()),
        false => screen.line(&format!(
            "ok: {records} records, {rows} rows, {snapshots} snapshots"
        )),
    }
}

#[cfg(test)]
mod tests;
