//! `atpctl audit verify|tail`: works on files, which another node may have written.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use atp_storage::audit::{Broken, Head, Verification, number};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::args::Audit;
use super::{Failure, Screen};

pub(super) fn run(screen: &mut Screen, command: &Audit) -> Result<(), Failure> {
    match command {
        Audit::Verify { path, expect } => verify(screen, path, *expect),
        Audit::Tail { path, lines } => tail(screen, path, *lines as usize),
    }
}

/// The files of a log, oldest first: one file, or those of a directory.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |source: io::Error| Failure::File {
        what: path.display().to_string(),
        source,
    };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries: io::Result<Vec<fs::DirEntry>> = fs::read_dir(path).map_err(failed)?.collect();
    let mut files: Vec<PathBuf> = entries.map_err(failed)?.iter().map(fs::DirEntry::path).collect();
    files.retain(|file| number(&name(file)).is_some());
    files.sort_unstable();
    match files.is_empty() {
        false => Ok(files),
        true => Err(Failure::Verdict(format!(
            "{}: there is no audit log; name the directory `audit` below node.data_dir",
            path.display()
        ))),
    }
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|source| Failure::File {
        what: file.display().to_string(),
        source,
    })
}

fn verify(screen: &mut Screen, path: &Path, expected: Option<Head>) -> Result<(), Failure> {
    let mut verification = Verification::new(expected);
    for file in files(path)? {
        let bytes = read(&file)?;
        if let Err(broken) = verification.file(&name(&file), &bytes, |_| {}) {
            return is_broken(screen, &broken);
        }
    }
    let report = match path.is_dir() {
        true => verification.whole(),
        // others may lie before it
        false => verification.part(),
    };
    let report = match report {
        Ok(Some(report)) => report,
        Ok(None) => {
            return Err(Failure::Verdict(format!(
                "{}: there is no record",
                path.display()
            )));
        }
        Err(broken) => return is_broken(screen, &broken),
    };
    let head = format!("{}:{}", report.head.seq, report.head.hash);
    if screen.is_json {
        return screen.json(&json!({
            "ok": true,
            "files": report.files,
            "records": report.lines(),
            "first": report.first,
            "head": head,
        }));
    }
    screen.line(&format!(
        "ok: {} records in {} files, {} to {}\nhead {head}",
        report.lines(),
        report.files,
        report.first,
        report.head.seq
    ))
}

fn is_broken(screen: &mut Screen, broken: &Broken) -> Result<(), Failure> {
    if screen.is_json {
        screen.json(&json!({
            "ok": false,
            "file": broken.file,
            "line": broken.line,
            "seq": broken.seq,
            "flaw": broken.flaw.to_string(),
        }))?;
    }
    Err(Failure::Verdict(broken.to_string()))
}

/// Shows the last records, unverified.
fn tail(screen: &mut Screen, path: &Path, lines: usize) -> Result<(), Failure> {
    let mut last: VecDeque<String> = VecDeque::new();
    for file in files(path)?.iter().rev() {
        let bytes = read(file)?;
        let text = String::from_utf8_lossy(&bytes);
        for line in text.lines().rev().take(lines - last.len()) {
            last.push_front(line.to_owned());
        }
        if last.len() >= lines {
            break;
        }
    }
    for line in &last {
        match screen.is_json {
            true => match serde_json::from_str::<&RawValue>(line) {
                Ok(line) => screen.text(&format!("{line}\n"))?,
                // the line that a running node is about to write
                Err(_) => continue,
            },
            false => screen.line(&shown(line))?,
        }
    }
    Ok(())
}

/// A record for people: number, event, and what else it says.
fn shown(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let Value::Object(mut record) = line["record"].clone() else {
        return "(not a record)".to_owned();
    };
    let event = record.remove("event").unwrap_or_default();
    format!(
        "{:>8}  {:<16} {}",
        line["seq"],
        event.as_str().unwrap_or_default(),
        Value::Object(record)
    )
}
