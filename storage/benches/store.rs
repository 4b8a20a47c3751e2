//! What a commit costs on the disk below the build directory, beside what the disk takes for one append and sync.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use atp_storage::disk::{Disk, FileDisk};
use atp_storage::store::{Change, Options, Store, Writer};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;

const RECORD: usize = 200;

/// A log is purged to this many records, as after a snapshot, whenever it has twice as many.
const KEPT: u64 = 8192;

fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the build directory can be written")
}

fn disk(path: &Path) -> Arc<dyn Disk> {
    Arc::new(FileDisk::open(path).expect("a directory of our own"))
}

struct Log {
    _directory: TempDir,
    store: Store,
    writer: Writer,
    first: u64,
    next: u64,
    kept: u64,
}

impl Log {
    fn new() -> Self {
        let directory = directory();
        let (store, writer) =
            Store::open(disk(directory.path()), Options::default()).expect("an empty directory");
        let mut log = Self {
            _directory: directory,
            store,
            writer,
            first: 1,
            next: 1,
            kept: KEPT,
        };
        while log.next < 2 * KEPT {
            log.append(1024);
        }
        log
    }

    fn append(&mut self, count: u64) {
        let mut changes = vec![Change::Append {
            log: 1,
            first: self.next,
            records: (0..count).map(|_| vec![7; RECORD]).collect(),
        }];
        self.next += count;
        if self.next - self.first > 2 * self.kept {
            let through = self.next - self.kept;
            changes.push(Change::Purge { log: 1, through });
            self.first = through + 1;
        }
        self.writer.commit(&changes).expect("there is space");
    }
}

fn commits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    let here = directory();
    let mut file = disk(here.path()).create("log").expect("an empty directory");
    group.bench_function("append_and_sync_1", |bencher| {
        bencher.iter(|| {
            file.append(&[7; RECORD]).expect("there is space");
            file.sync().expect("the disk works");
        });
    });
    for count in [1, 16, 256] {
        let mut log = Log::new();
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("commit_{count}"), |bencher| {
            bencher.iter(|| log.append(count))
        });
    }
    group.finish();
}

fn purge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    for count in [8192, 65536] {
        group.sample_size(10);
        group.bench_function(format!("purge_{count}"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    let mut log = Log::new();
                    log.kept = u64::MAX / 2;
                    while log.next <= count {
                        log.append(1024);
                    }
                    log
                },
                |log| {
                    let changes = [Change::Purge {
                        log: 1,
                        through: count,
                    }];
                    log.writer.commit(&changes).expect("there is space");
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn reads(criterion: &mut Criterion) {
    let log = Log::new();
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(256));
    group.bench_function("read_256", |bencher| {
        bencher.iter(|| {
            black_box(
                log.store
                    .read(1, log.next - 300, 256, usize::MAX)
                    .expect("it is there"),
            )
        });
    });
    group.bench_function("bounds", |bencher| {
        bencher.iter(|| black_box(log.store.bounds(1).expect("it is there")));
    });
    group.finish();
}

criterion_group!(benches, commits, purge, reads);
criterion_main!(benches);
