//! `atp-node dev`: a configuration without a file.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{BUILTINS, Config, LogFormat, PriceConfig, ProviderConfig, ProviderKind, SecretRef};

/// What the command line of `atp-node dev` says.
#[derive(Debug, Clone)]
pub struct DevOptions {
    /// Port on loopback; 0 picks a free one.
    pub port: u16,
    /// Where journals go.
    pub data_dir: PathBuf,
}

impl Config {
    /// One node on loopback with the built-ins, and the providers whose keys `env` holds.
    #[must_use]
    pub fn dev(options: &DevOptions, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut config = Self::default();
        config.node.name = "dev".to_owned();
        config.node.listen = SocketAddr::from(([127, 0, 0, 1], options.port));
        config.node.data_dir.clone_from(&options.data_dir);
        config.telemetry.log_format = LogFormat::Text;
        config.telemetry.log = "warn".to_owned();
        for id in BUILTINS {
            config.builtins.push(id.to_owned());
            config.prices.insert(id.to_owned(), FREE);
        }
        if env("OPENAI_API_KEY").is_some() {
            let base = env("OPENAI_BASE_URL").unwrap_or_else(|| "https://api.openai.com/v1".to_owned());
            config.add(
                "openai",
                ProviderKind::Openai,
                base,
                Some("OPENAI_API_KEY"),
                CAUTIOUS_PRICE,
            );
        }
        if env("ANTHROPIC_API_KEY").is_some() {
            let base = env("ANTHROPIC_BASE_URL").unwrap_or_else(|| "https://api.anthropic.com/v1".to_owned());
            config.add(
                "anthropic",
                ProviderKind::Anthropic,
                base,
                Some("ANTHROPIC_API_KEY"),
                CAUTIOUS_PRICE,
            );
        }
        if let Some(host) = env("OLLAMA_HOST") {
            let host = if host.contains("://") {
                host
            } else {
                format!("http://{host}")
            };
            let base = format!("{}/v1", host.trim_end_matches('/'));
            config.add("ollama", ProviderKind::Openai, base, None, FREE);
        }
        config
    }

    fn add(&mut self, id: &str, kind: ProviderKind, url: String, key: Option<&str>, price: PriceConfig) {
        self.providers.push(ProviderConfig {
            id: id.to_owned(),
            kind,
            url,
            models: Vec::new(),
            key: key.map(|name| SecretRef::Env(name.to_owned())),
            auth: None,
            api_version: None,
            capabilities: vec!["chat".to_owned()],
            personas: Vec::new(),
            data_scopes: Vec::new(),
            region: None,
            context_tokens: None,
            max_connections: 256,
            cancel_stops_billing: true,
        });
        self.prices.insert(id.to_owned(), price);
    }
}

/// Without an operator's price list a provider is charged at a price above that of current frontier models, so that a
/// development budget stops too early rather than too late: 15 and 75 USD per million tokens.
const CAUTIOUS_PRICE: PriceConfig = PriceConfig {
    in_usd_micros_per_million: 15_000_000,
    out_usd_micros_per_million: 75_000_000,
};

const FREE: PriceConfig = PriceConfig {
    in_usd_micros_per_million: 0,
    out_usd_micros_per_million: 0,
};
