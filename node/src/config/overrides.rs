//! From text to a table: the file, then `ATP_SECTION__KEY` from the environment over it.

use std::path::Path;

use toml::{Table, Value};

use super::{Config, ConfigError, NodeConfig};
use crate::identity::Membership;

const PREFIX: &str = "ATP_";

impl Config {
    /// Reads a file and applies overrides from `env` (name and value pairs).
    ///
    /// # Errors
    /// [`ConfigError`] naming the line or variable at fault.
    pub fn load(path: &Path, env: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(&text, &path.display().to_string(), env)?;
        config.name_by_number();
        Ok(config)
    }

    /// A member that is given no name is called by its number. A directory that cannot be read is told of by the start.
    fn name_by_number(&mut self) {
        if self.node.name == NodeConfig::default().name
            && let Some(dir) = &self.cluster.dir
            && let Ok(membership) = Membership::read(dir)
        {
            self.node.name = format!("node-{}", membership.node);
        }
    }

    /// As [`Self::load`], from text; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ConfigError`] naming the line or variable at fault.
    pub fn parse(
        text: &str,
        origin: &str,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        // The file alone first, so that an error has a line; then the merged table.
        let from_file: Self = toml::from_str(text).map_err(|error| ConfigError::Malformed {
            origin: origin.to_owned(),
            message: explain(&error, text),
        })?;
        let overrides = collect(env);
        let config = if overrides.is_empty() {
            from_file
        } else {
            merge(text, overrides)?
        };
        config.validate()?;
        Ok(config)
    }
}

/// Overrides as (variable, path, value), sorted by variable so that errors do not depend on the environment's order.
fn collect(env: impl Iterator<Item = (String, String)>) -> Vec<(String, Vec<String>, String)> {
    let mut found: Vec<_> = env
        .filter_map(|(name, value)| {
            let path: Vec<String> = name
                .strip_prefix(PREFIX)?
                .split("__")
                .map(str::to_ascii_lowercase)
                .collect();
            (path.len() >= 2).then_some((name, path, value))
        })
        .collect();
    found.sort();
    found
}

fn merge(text: &str, overrides: Vec<(String, Vec<String>, String)>) -> Result<Config, ConfigError> {
    let mut table: Table = toml::from_str(text).expect("the same text was read as a configuration before");
    for (variable, path, value) in overrides {
        let fail = |message: String| ConfigError::Malformed {
            origin: variable.clone(),
            message,
        };
        let (key, sections) = path.split_last().expect("a path has at least two parts");
        let mut at = &mut table;
        for section in sections {
            at = at
                .entry(section.clone())
                .or_insert_with(|| Value::Table(Table::new()))
                .as_table_mut()
                .ok_or_else(|| fail(format!("`{section}` is not a section")))?;
        }
        at.insert(key.clone(), scalar(&value));
        let candidate: Result<Config, _> = table.clone().try_into();
        candidate.map_err(|error| fail(with_nearest(error.message())))?;
    }
    table
        .try_into()
        .map_err(|error: toml::de::Error| ConfigError::Malformed {
            origin: "environment".to_owned(),
            message: with_nearest(error.message()),
        })
}

/// A value as TOML would read it; what TOML cannot read is a string.
fn scalar(text: &str) -> Value {
    toml::from_str::<Table>(&format!("v = {text}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn explain(error: &toml::de::Error, text: &str) -> String {
    let message = with_nearest(error.message());
    match error.span() {
        Some(span) => {
            let before = &text[..span.start.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
            format!("line {line}, column {column}: {message}")
        }
        None => message,
    }
}

/// Adds the nearest known name to serde's "unknown field" message.
fn with_nearest(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(unknown) = message
        .starts_with("unknown field")
        .then(|| names.next())
        .flatten()
    else {
        return message.to_owned();
    };
    let nearest = names
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().max(3) / 2);
    match nearest {
        Some((_, known)) => format!("unknown key `{unknown}`; did you mean `{known}`?"),
        None => message.replace("unknown field", "unknown key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `atpctl cluster join` writes for node 3.
    const MEMBER: &str = r#"format = 1
node = 3
address = "127.0.0.1:29503"

[cluster]
id = "e2fd496c5be0afea77c61ba6214546f1"
name = "eu"
journals = 8
first = 1
"#;

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::parse(
            text,
            "node.toml",
            env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_name() {
        let error = parse("[node]\nlistn = \"127.0.0.1:1\"\n", &[])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "node.toml: line 2, column 1: unknown key `listn`; did you mean `listen`?"
        );
    }

    #[test]
    fn a_member_is_called_by_its_number_unless_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let member = dir.path().join("member");
        std::fs::create_dir(&member).unwrap();
        std::fs::write(member.join("cluster.toml"), MEMBER).unwrap();
        let name = |rest: &str| {
            let file = dir.path().join("node.toml");
            std::fs::write(&file, format!("{rest}[cluster]\ndir = {member:?}\n")).unwrap();
            Config::load(&file, std::iter::empty()).unwrap().node.name
        };
        assert_eq!(name(""), "node-3");
        assert_eq!(name("[node]\nname = \"eu-3\"\n"), "eu-3");
        std::fs::remove_file(member.join("cluster.toml")).unwrap();
        assert_eq!(name(""), "node-1");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = parse(
            "[node]\nworkers = 1\n",
            &[("ATP_NODE__WORKERS", "3"), ("PATH", "x")],
        )
        .unwrap();
        assert_eq!(config.node.workers, 3);
        let config = parse("", &[("ATP_NODE__LISTEN", "127.0.0.1:9")]).unwrap();
        assert_eq!(config.node.listen.port(), 9);
    }

    #[test]
    fn a_bad_override_names_its_variable() {
        let error = parse("", &[("ATP_NODE__WORKRES", "3")]).unwrap_err().to_string();
        assert!(
            error.starts_with("ATP_NODE__WORKRES: unknown key `workres`; did you mean `workers`?"),
            "{error}"
        );
    }

    #[test]
    fn a_secret_written_out_is_refused_without_repeating_it() {
        let error = parse("[auth]\nadmin_key = \"sk-very-secret\"\n", &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains("by reference"), "{error}");
        assert!(!error.contains("very-secret"), "{error}");
    }
}
