//! Compiles the adapter contract; in Rust, so that no protoc is needed.

use std::error::Error;

const PROTO: &str = "proto/atp/adapter/v1/adapter.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let files = protox::compile([PROTO], ["proto"])?;
    tonic_prost_build::configure()
        // Adapters are servers, the node is a client; tests play an adapter.
        .server_mod_attribute(".", "#[cfg(test)]")
        .compile_fds(files)?;
    Ok(())
}
