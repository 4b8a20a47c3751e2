//! Files of a directory of certificates: bounded reads, private keys, writes that leave either the old or the new.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::DirectoryError;

/// The authority's certificate.
pub(super) const AUTHORITY: &str = "ca.pem";
/// The authority's key.
pub(super) const AUTHORITY_KEY: &str = "ca.key";
/// A node's certificate.
pub(super) const CERTIFICATE: &str = "node.pem";
/// A node's key.
pub(super) const KEY: &str = "node.key";
/// What the directory is.
pub(super) const CLUSTER: &str = "cluster.toml";

/// Longest file. None of ours comes near; a wrong path may.
const LONGEST: u64 = 64 << 10;

/// Reads a text that anybody may see.
pub(super) fn read_text(path: &Path) -> Result<String, DirectoryError> {
    Ok(std::mem::take(&mut *read(path, File::open(path))?))
}

/// Reads a key, which nobody else may.
pub(super) fn read_key(path: &Path) -> Result<Zeroizing<String>, DirectoryError> {
    let file = File::open(path);
    if let Ok(file) = &file {
        let mode = file
            .metadata()
            .map_err(|source| failed(path, source))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(DirectoryError::Loose {
                path: path.to_owned(),
            });
        }
    }
    read(path, file)
}

fn read(path: &Path, file: io::Result<File>) -> Result<Zeroizing<String>, DirectoryError> {
    // as large as it may get, so that no piece of a key stays behind where the text grew
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize + 1));
    file.and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text))
        .map_err(|source| failed(path, source))?;
    match text.len() as u64 > LONGEST {
        false => Ok(text),
        true => Err(DirectoryError::Malformed {
            path: path.to_owned(),
            reason: format!("longer than {LONGEST} bytes"),
        }),
    }
}

/// The certificates of a PEM text, at least one.
pub(super) fn certificates(path: &Path, text: &str) -> Result<Vec<CertificateDer<'static>>, DirectoryError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => Err(DirectoryError::Malformed {
            path: path.to_owned(),
            reason: "holds no certificate in PEM".to_owned(),
        }),
    }
}

/// The key of a PEM text.
pub(super) fn private_key(path: &Path, text: &str) -> Result<PrivateKeyDer<'static>, DirectoryError> {
    // the reason is left out: it could quote the key
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| DirectoryError::Malformed {
        path: path.to_owned(),
        reason: "holds no private key in PEM".to_owned(),
    })
}

/// Makes a directory for its owner alone; one that is there stays as it is.
pub(super) fn make_directory(path: &Path) -> Result<(), DirectoryError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| failed(path, source))
}

/// Writes a file that anybody may see.
pub(super) fn write_text(path: &Path, text: &str) -> Result<(), DirectoryError> {
    write(path, text, 0o644)
}

/// Writes a key.
pub(super) fn write_key(path: &Path, text: &str) -> Result<(), DirectoryError> {
    write(path, text, 0o600)
}

/// Writes aside and renames, so that a reader and a crash find either the old or the new.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), DirectoryError> {
    let directory = path.parent().expect("a file in a directory");
    let put = || -> io::Result<()> {
        let mut aside = tempfile::Builder::new()
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(directory)?;
        aside.write_all(text.as_bytes())?;
        // the mode asked for above is narrowed by the umask
        aside.as_file().set_permissions(Permissions::from_mode(mode))?;
        aside.as_file().sync_all()?;
        aside.persist(path)?;
        File::open(directory)?.sync_all()
    };
    put().map_err(|source| failed(path, source))
}

/// Whether there is such a file. There is none below what is no directory, and who writes there is told so.
pub(super) fn exists(path: &Path) -> Result<bool, DirectoryError> {
    match fs::exists(path) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        exists => exists.map_err(|source| failed(path, source)),
    }
}

fn failed(path: &Path, source: io::Error) -> DirectoryError {
    DirectoryError::File {
        path: path.to_owned(),
        source,
    }
}
