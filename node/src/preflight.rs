//! What `atp-node run` will want beside its configuration: secrets, certificates, documents, recordings, a place to write.
//!
//! `run` stops at the first that is missing; `run --check` looks at all of them and changes nothing.

use std::error::Error;
use std::fs;
use std::path::Path;

use atp_routing::policy::PolicySet;

use crate::adapters;
use crate::auth::FrameCheck;
use crate::cluster::{Place, may_claim};
use crate::config::{Config, SecretRef};
use crate::environment::Environment;
use crate::identity::{self, Credentials};
use crate::secret::Secret;
use crate::server::server_config;

/// Every problem a start would run into, each in one message that begins with the key at fault. `env` looks up
/// environment variables.
#[must_use]
pub fn problems(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut problems = Vec::new();
    secrets(config, env, &mut problems);
    if let Some(tls) = &config.tls
        && let Err(error) = server_config(tls)
    {
        problems.push(format!("tls: {}", chain(&error)));
    }
    membership(config, &mut problems);
    policy(config, &mut problems);
    problems.extend(adapters::problems(config, env));
    if let Err(error) = writable(&config.node.data_dir) {
        let dir = config.node.data_dir.display();
        problems.push(format!(
            "node.data_dir: cannot write to {dir}: {error}; check its owner and mode"
        ));
    }
    problems
}

fn secrets(config: &Config, env: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<String>) {
    let mut resolve = |key: String, reference: &SecretRef| -> Option<Secret> {
        let found = reference.resolve(env);
        found
            .map_err(|error| problems.push(format!("{key}: {error}")))
            .ok()
    };
    if let Some(key) = &config.auth.admin_key {
        resolve("auth.admin_key".to_owned(), key);
    }
    for (at, key) in config.auth.keys.iter().enumerate() {
        resolve(format!("auth.keys[{at}] of {}", key.account), &key.key);
    }
    let frame_key = config.auth.frame_key.as_ref();
    let frame_key = frame_key.and_then(|key| resolve("auth.frame_key".to_owned(), key));
    if let Err(weak) = FrameCheck::new(config.compat.verify_frame, frame_key.as_ref()) {
        problems.push(format!("auth.frame_key: {weak}"));
    }
}

fn membership(config: &Config, problems: &mut Vec<String>) {
    let data_dir = &config.node.data_dir;
    let owned = match &config.cluster.dir {
        None => identity::owner(data_dir, None).map(drop),
        Some(dir) => match Credentials::read(dir, Environment::real(1).clock) {
            Ok(credentials) => {
                let member = credentials.membership();
                may_claim(data_dir, &Place::of(member, &config.node.name), member.name())
            }
            Err(error) => return problems.push(format!("cluster.dir: {}", chain(&error))),
        },
    };
    if let Err(error) = owned {
        problems.push(format!("node.data_dir: {}", chain(&error)));
    }
}

fn policy(config: &Config, problems: &mut Vec<String>) {
    let Some(path) = &config.policy.file else { return };
    match fs::read_to_string(path) {
        Err(error) => problems.push(format!("policy.file: cannot read {}: {error}", path.display())),
        Ok(text) => {
            let lints = PolicySet::parse(&text).err().unwrap_or_default();
            problems.extend(
                lints
                    .iter()
                    .map(|lint| format!("policy.file: {}:{lint}", path.display())),
            );
        }
    }
}

/// Whether files can be made in `dir`; in the nearest directory there is, where a start would make it.
fn writable(dir: &Path) -> std::io::Result<()> {
    let there = dir
        .ancestors()
        .find(|dir| dir.exists() || dir.as_os_str().is_empty());
    let there = there
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    tempfile::tempfile_in(there).map(drop)
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Config {
        Config::parse(text, "node.toml", std::iter::empty()).expect("the configuration itself is good")
    }

    #[test]
    fn every_problem_of_a_start_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "policies: [{ id: default, fanuot: [] }]").unwrap();
        let here = dir.path().display();
        let config = parse(&format!(
            r#"
            [node]
            data_dir = "{here}/file/data"
            [tls]
            cert = "{here}/missing.pem"
            key = "{here}/missing.pem"
            [cluster]
            dir = "{here}/missing"
            [auth]
            admin_key = "env:ADMIN"
            frame_key = "env:SHORT"
            [policy]
            file = "{here}/file"
            [[providers]]
            id = "up"
            kind = "openai"
            url = "http://127.0.0.1:1/v1"
            key = "file:{here}/no-key"
            [[providers]]
            id = "tape"
            kind = "replay"
            url = "{here}/no-tape"
            [prices.up]
            in_usd_micros_per_million = 0
            out_usd_micros_per_million = 0
            [prices.tape]
            in_usd_micros_per_million = 0
            out_usd_micros_per_million = 0
            "#
        ));
        let env = |name: &str| (name == "SHORT").then(|| "short".to_owned());
        let told = problems(&config, &env);
        let begins = [
            "auth.admin_key: env:ADMIN: the variable is not set",
            "auth.frame_key: ",
            "tls: cannot read ",
            "cluster.dir: cannot use ",
            "policy.file: ",
            "providers.up: file:",
            "providers.tape: ",
            "node.data_dir: cannot write to ",
        ];
        assert_eq!(told.len(), begins.len(), "{told:#?}");
        for (problem, begin) in told.iter().zip(begins) {
            assert!(
                problem.starts_with(begin),
                "{problem} does not begin with {begin}"
            );
        }
    }

    #[test]
    fn a_provider_that_could_not_be_attached_is_a_problem() {
        let problems = |url: &str, key: &str| {
            let config = parse(&format!(
                r#"
                [[providers]]
                id = "up"
                kind = "openai"
                url = "{url}"
                key = "env:KEY"
                [prices.up]
                in_usd_micros_per_million = 0
                out_usd_micros_per_million = 0
                "#
            ));
            super::problems(&config, &|_| Some(key.to_owned())).join("; ")
        };
        assert_eq!(problems("http://127.0.0.1:1/v1", "sk-1"), "");
        let told = problems("ftp://127.0.0.1/v1", "sk-1");
        assert!(told.contains("is not http:// or https://"), "{told}");
        let told = problems("http://127.0.0.1:1/v1", "sk-1\nsk-2");
        assert!(told.contains("check for line breaks"), "{told}");
        assert!(!told.contains("sk-2"), "{told}");
    }

    #[test]
    fn a_check_makes_no_directory() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("a/b");
        let config = parse(&format!("[node]\ndata_dir = \"{}\"", data.display()));
        assert_eq!(problems(&config, &|_| None), Vec::<String>::new());
        assert!(!dir.path().join("a").exists());
    }
}
