//! Checksums of fragments and Merkle roots (atp.md 4.2).

use atp_protocol::sign::fragment::{Checksum, Chunk, merkle_root, short16};

use super::{bytes, equal, text};

#[test]
fn short_forms_and_roots() {
    super::run("fragment_checksum", |case| match text(case, "kind")? {
        "short16" => short(Chunk::Text(text(case, "text")?), text(case, "checksum")?),
        "short16_binary" => short(Chunk::Binary(&bytes(case, "hex")?), text(case, "checksum")?),
        "merkle" => {
            let size = case["chunk_size"].as_u64().ok_or("no chunk_size")?;
            let chars: Vec<char> = text(case, "text")?.chars().collect();
            let size = usize::try_from(size).map_err(|error| error.to_string())?;
            let chunks: Vec<String> = chars.chunks(size).map(|chunk| chunk.iter().collect()).collect();
            equal(&merkle_root(chunks.iter().map(|chunk| Chunk::Text(chunk))), text(case, "root")?)
        }
        kind => Err(format!("unknown kind {kind}")),
    });
}

fn short(chunk: Chunk<'_>, wanted: &str) -> Result<(), String> {
    equal(&short16(chunk), wanted)?;
    match Checksum::parse(wanted) {
        Some(checksum) if checksum.admits(chunk) => Ok(()),
        other => Err(format!("its own checksum reads as {other:?} and does not admit it")),
    }
}
