//! Whether two nodes know the same provider.

use std::collections::BTreeMap;

use atp_protocol::ids::AdapterId;

use crate::config::{Config, ProviderConfig};

/// A digest of how each configured provider is reached: nodes of which it is the same can take each other's word on its health.
pub(crate) type Origins = BTreeMap<AdapterId, u64>;

/// Of every provider of the configuration.
pub(crate) fn origins(config: &Config) -> Origins {
    let providers = config.providers.iter();
    providers
        .map(|provider| {
            let id = AdapterId::new(&provider.id).expect("checked with the configuration");
            (id, origin(provider))
        })
        .collect()
}

/// Of where it is, and of where its key is to be found; never of the key.
fn origin(provider: &ProviderConfig) -> u64 {
    let ProviderConfig {
        kind,
        url,
        key,
        auth,
        api_version,
        ..
    } = provider;
    digest([format!("{kind:?} {url} {key:?} {auth:?} {api_version:?}")].iter())
}

/// Of a list of models, in its order.
pub(crate) fn models_digest(models: &[String]) -> u64 {
    digest(models.iter())
}

fn digest<'a>(texts: impl Iterator<Item = &'a String>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(text.as_bytes());
        hasher.update(b"\n");
    }
    let digest = hasher.finalize();
    u64::from_be_bytes(*digest.as_bytes().first_chunk().expect("32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_apart_by_name_and_order() {
        let of = |models: &[&str]| {
            let models: Vec<String> = models.iter().map(|model| (*model).to_owned()).collect();
            models_digest(&models)
        };
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        let others = [of(&["b", "a"]), of(&["ab"]), of(&["a"]), of(&[])];
        assert!(!others.contains(&of(&["a", "b"])));
    }
}
