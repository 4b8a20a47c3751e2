//! Operates a node over its HTTP API.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(2)
}
