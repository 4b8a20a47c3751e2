//! A store written, looked at and damaged.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::rc::Rc;

use atp_storage::snapshot::Id;
use atp_storage::store::Change;

use super::*;

#[derive(Clone, Default)]
struct Out(Rc<RefCell<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a command says, and whether it is content.
fn said(command: &Storage, is_json: bool) -> (String, Result<(), Failure>) {
    let out = Out::default();
    let mut screen = Screen {
        out: Box::new(out.clone()),
        err: Box::new(Out::default()),
        is_terminal: false,
        is_json,
    };
    let result = run(&mut screen, command);
    let text = String::from_utf8(out.0.take()).unwrap();
    (text, result)
}

fn written(dir: &Path) {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk::open(dir).unwrap());
    let (_store, mut writer) = Store::open(Arc::clone(&disk), Options::default()).unwrap();
    let append = Change::Append {
        log: 3,
        first: 7,
        records: vec![vec![b'A'; 100]; 2],
    };
    let put = Change::Put {
        table: 1,
        key: b"k".to_vec(),
        value: b"v".to_vec(),
    };
    writer.commit(&[append, put]).unwrap();
    let snapshots = Snapshots::new(disk);
    let mut snapshot = snapshots.create(Id { group: 3, number: 6 }, b"meta").unwrap();
    snapshot.append(b"chunk").unwrap();
    snapshot.finish().unwrap();
}

#[test]
fn inspect_says_what_there_is() {
    let root = tempfile::tempdir().unwrap();
    written(root.path());
    let dir = root.path().to_owned();
    let (text, result) = said(&Storage::Inspect { dir: dir.clone() }, true);
    result.unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        found["logs"],
        json!([{"log": 3, "first": 7, "last": 8, "records": 2, "bytes": 200}])
    );
    assert_eq!(found["tables"], json!([{"table": 1, "rows": 1, "bytes": 2}]));
    assert_eq!(found["snapshots"][0]["group"], 3);
    assert_eq!(found["snapshots"][0]["number"], 6);
    assert_eq!(found["damaged"], 0);
    let (text, result) = said(&Storage::Inspect { dir }, false);
    result.unwrap();
    assert!(text.contains("00003-00000000000000000006.snapshot"), "{text}");
}

#[test]
fn verify_finds_what_is_damaged() {
    let root = tempfile::tempdir().unwrap();
    written(root.path());
    let verify = Storage::Verify {
        dir: root.path().to_owned(),
    };
    let (text, result) = said(&verify, false);
    result.unwrap();
    assert_eq!(text, "ok: 2 records, 1 rows, 1 snapshots\n");
    for (file, content) in [
        (NAME.to_owned(), b"AAAA"),
        (Id { group: 3, number: 6 }.file(), b"chun"),
    ] {
        let path = root.path().join(file);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let at = bytes.windows(4).rposition(|window| window == content).unwrap();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let (text, result) = said(&verify, true);
        assert_eq!(result.unwrap_err().exit_code(), 1);
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&found["ok"], &found["damaged"]), (&json!(false), &json!(1)));
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_directory_in_use_and_one_without_a_store_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("none");
    let (_, result) = said(&Storage::Inspect { dir: dir.clone() }, false);
    assert!(result.unwrap_err().to_string().contains("there is no store"));
    assert!(!dir.exists());
    written(root.path());
    let _node = FileDisk::open(root.path()).unwrap();
    let dir = root.path().to_owned();
    let (_, result) = said(&Storage::Verify { dir }, false);
    let error = result.unwrap_err();
    assert!(matches!(&error, Failure::File { source, .. } if source.kind() == ErrorKind::ResourceBusy));
    assert!(
        error.to_string().contains("another process uses this directory"),
        "{error}"
    );
}
