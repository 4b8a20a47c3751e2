//! `member.toml`: to which node of which cluster a data directory belongs. Written once; data that others agreed on with one
//! machine must never answer for another.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{DirectoryError, Name, files};

const FILE: &str = "member.toml";

/// The only format there is.
const FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u16,
    member: String,
}

/// Takes a data directory for a member, or for a node alone. One that belonged to nobody becomes the member's; a node alone leaves no mark.
///
/// # Errors
/// [`DirectoryError::Taken`] when it is somebody else's, others when it cannot be read or written.
pub fn claim(data_dir: &Path, member: Option<Name>) -> Result<(), DirectoryError> {
    if owner(data_dir, member)?.is_some() {
        return Ok(());
    }
    let Some(member) = member else { return Ok(()) };
    files::make_directory(data_dir)?;
    let file = File {
        format: FORMAT,
        member: member.to_string(),
    };
    let text = toml::to_string(&file).expect("two plain fields");
    files::write_key(&data_dir.join(FILE), &text)
}

/// Whose the directory is, which is nobody or `member`. Changes nothing.
///
/// # Errors
/// As [`claim`].
pub fn owner(data_dir: &Path, member: Option<Name>) -> Result<Option<Name>, DirectoryError> {
    let path = data_dir.join(FILE);
    if !files::exists(&path)? {
        return Ok(None);
    }
    let malformed = |reason: String| DirectoryError::Malformed {
        path: path.clone(),
        reason,
    };
    let file: File =
        toml::from_str(&files::read_text(&path)?).map_err(|error| malformed(error.to_string()))?;
    if file.format != FORMAT {
        let reason = format!(
            "format {} is not known; use the release that wrote it",
            file.format
        );
        return Err(malformed(reason));
    }
    let found: Name = file
        .member
        .parse()
        .map_err(|_| malformed(format!("`{}` is no member", file.member.escape_debug())))?;
    if Some(found) == member {
        return Ok(Some(found));
    }
    let wanted = member.map_or_else(|| "a node without [cluster]".to_owned(), |name| name.to_string());
    Err(DirectoryError::Taken {
        path: data_dir.to_owned(),
        found: found.to_string(),
        wanted,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn name(cluster: u8, node: u16) -> Name {
        Name {
            cluster: atp_protocol::cluster::ClusterId::new([cluster; 16]),
            node: atp_protocol::cluster::NodeId::new(node).unwrap(),
        }
    }

    #[test]
    fn data_stays_with_its_member() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        claim(&data, None).unwrap();
        assert!(!data.exists(), "a node alone leaves no mark");
        claim(&data, Some(name(1, 2))).unwrap();
        claim(&data, Some(name(1, 2))).unwrap();
        for other in [Some(name(1, 3)), Some(name(2, 2)), None] {
            let taken = claim(&data, other);
            assert!(matches!(taken, Err(DirectoryError::Taken { .. })), "{other:?}");
        }
        let text = fs::read_to_string(data.join(FILE)).unwrap();
        let cluster = "01".repeat(16);
        assert_eq!(text, format!("format = 1\nmember = \"atp://{cluster}/node/2\"\n"));
    }

    #[test]
    fn what_says_nothing_of_a_member_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        for wrong in ["", "format = 2\nmember = \"x\"", "format = 1\nmember = \"x\""] {
            fs::write(dir.path().join(FILE), wrong).unwrap();
            let refused = claim(dir.path(), Some(name(1, 1)));
            assert!(
                matches!(refused, Err(DirectoryError::Malformed { .. })),
                "{wrong}"
            );
            assert_eq!(fs::read_to_string(dir.path().join(FILE)).unwrap(), wrong);
        }
    }
}
