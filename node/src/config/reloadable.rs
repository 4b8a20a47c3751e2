//! The keys that may be changed for a whole cluster while its nodes run, and what the configuration is with such changes.

use std::str::FromStr;

use serde_json::{Value, json};

use super::{Config, ConfigError};

/// A key that takes effect without a restart.
pub(crate) struct Reloadable {
    /// As in the configuration file: `section.key`.
    pub(crate) name: &'static str,
    set: fn(&mut Config, &str) -> Result<(), String>,
    get: fn(&Config) -> Value,
}

/// Declares them by their place in [`Config`].
macro_rules! reloadable {
    ($($section:ident.$key:ident),+ $(,)?) => {
        &[$(Reloadable {
            name: concat!(stringify!($section), ".", stringify!($key)),
            set: |config, text| put(&mut config.$section.$key, text),
            get: |config| json!(config.$section.$key),
        }),+]
    };
}

/// All of them, by name.
pub(crate) const RELOADABLE: &[Reloadable] = reloadable![
    auth.rate_burst,
    auth.rate_per_s,
    compat.budget_429,
    limits.max_body_bytes,
    telemetry.log,
    timeouts.first_chunk_ms,
    timeouts.idle_ms,
    timeouts.request_ms,
];

fn put<T: FromStr<Err: std::fmt::Display>>(into: &mut T, text: &str) -> Result<(), String> {
    *into = text
        .parse()
        .map_err(|error| format!("`{}` is no such value: {error}", text.escape_debug()))?;
    Ok(())
}

impl Reloadable {
    /// The key of a name.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with the one that is called most like it.
    pub(crate) fn named(name: &str) -> Result<&'static Self, ConfigError> {
        let found = RELOADABLE.iter().find(|key| key.name == name);
        found.ok_or_else(|| {
            let distance = |key: &&Self| strsim::damerau_levenshtein(key.name, name);
            let nearest = RELOADABLE.iter().min_by_key(distance);
            let nearest = nearest.map_or("none", |key| key.name);
            let message = format!(
                "needs a restart, of each node with it in its file; `atpctl config list` shows what needs none, such as `{nearest}`"
            );
            ConfigError::invalid(name.escape_debug().to_string(), message)
        })
    }

    /// What it is in a configuration.
    pub(crate) fn of(&self, config: &Config) -> Value {
        (self.get)(config)
    }
}

impl Config {
    /// This configuration with values in the place of its own, each as in the file, checked as the file is.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with the key at fault.
    pub(crate) fn changed<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ConfigError> {
        let mut config = self.clone();
        for (name, text) in values {
            let key = Reloadable::named(name)?;
            (key.set)(&mut config, text).map_err(|why| ConfigError::invalid(name, why))?;
        }
        config.validate()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> String {
        Config::default()
            .changed([(name, value)])
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn values_are_read_and_checked_as_in_the_file() {
        let values = [
            ("timeouts.idle_ms", "7"),
            ("compat.budget_429", "true"),
            ("telemetry.log", "warn"),
        ];
        let config = Config::default().changed(values).unwrap();
        assert_eq!(config.timeouts.idle_ms, 7);
        assert!(config.compat.budget_429);
        for (name, text) in values {
            let value = Reloadable::named(name).unwrap().of(&config);
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(shown, text);
        }
        for (name, value) in [
            ("timeouts.idle_ms", "-1"),
            ("timeouts.idle_ms", "soon"),
            ("compat.budget_429", "yes"),
            ("limits.max_body_bytes", "1"),
            ("telemetry.log", "atp=loud=very"),
        ] {
            let told = refused(name, value);
            assert!(told.starts_with(&format!("{name}: ")), "{told}");
        }
    }

    #[test]
    fn a_key_that_needs_a_restart_is_refused() {
        for name in ["node.listen", "timeouts.idle", ""] {
            let told = refused(name, "1");
            assert!(told.contains("config list") && told.contains("restart"), "{told}");
        }
    }

    #[test]
    fn every_key_is_documented_as_one_that_needs_no_restart() {
        let docs = include_str!("../../../docs/configuration.md");
        let (_, section) = docs.split_once("## Without a restart").expect("it is there");
        let section = section.split("\n## ").next().expect("the first part");
        let told: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("- `")?.split('`').next())
            .collect();
        let known: Vec<&str> = RELOADABLE.iter().map(|key| key.name).collect();
        assert_eq!(told, known);
    }
}
