//! HTTP towards one node: a connection a request, because a command sends few.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::Failure;
use crate::config::SecretRef;
use crate::provider::http::{Dial, HttpDial};
use crate::secret::Secret;

/// Longest wait for a connection, and for a reply other than an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Largest reply other than an answer, in bytes.
const REPLY_MAX: usize = 16 << 20;

/// The caller's keys.
#[derive(Default)]
pub struct Keys {
    caller: Option<Secret>,
    admin: Option<Secret>,
}

impl Keys {
    /// The key referred to serves for everything; without one `ATP_KEY` and `ATP_ADMIN_KEY` each stand in for the other.
    ///
    /// # Errors
    /// When the reference leads nowhere.
    pub fn find(reference: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        if let Some(reference) = reference {
            let reference = SecretRef::try_from(reference.to_owned())
                .map_err(|error| Failure::Config(format!("--key: {error}")))?;
            let key = reference
                .resolve(env)
                .map_err(|error| Failure::Config(format!("--key: {error}")))?;
            return Ok(Self {
                caller: Some(key.clone()),
                admin: Some(key),
            });
        }
        let named = |name| env(name).filter(|key| !key.is_empty()).map(Secret::new);
        let (caller, admin) = (named("ATP_KEY"), named("ATP_ADMIN_KEY"));
        Ok(Self {
            caller: caller.clone().or_else(|| admin.clone()),
            admin: admin.or(caller),
        })
    }
}

/// With whose key a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    /// Nobody's.
    Nobody,
    /// A client's.
    Caller,
    /// The operator's.
    Admin,
}

/// A node, from outside.
pub struct Client {
    base: Uri,
    dial: HttpDial,
    keys: Keys,
}

/// A reply whose body is still to come.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
}

impl Client {
    /// A client of the node at `url`, `http://host:port` or `https://host:port`.
    ///
    /// # Errors
    /// When the URL cannot be used, or is `https` and the system trusts nobody.
    pub fn new(url: &str, keys: Keys) -> Result<Self, Failure> {
        let invalid = || {
            Failure::Config(format!(
                "--url {url}: write http://host:port or https://host:port"
            ))
        };
        let base: Uri = url.trim_end_matches('/').parse().map_err(|_| invalid())?;
        let dial = match (base.scheme_str(), base.host()) {
            (Some("http"), Some(_)) => HttpDial::plaintext(),
            (Some("https"), Some(_)) => HttpDial::with_native_roots().map_err(|error| {
                Failure::Config(format!("{error}; set SSL_CERT_FILE to the node's issuer"))
            })?,
            _ => return Err(invalid()),
        };
        Ok(Self { base, dial, keys })
    }

    /// Where the node is.
    pub(super) const fn url(&self) -> &Uri {
        &self.base
    }

    /// Whether there is a key for `who`.
    pub(super) const fn has_key(&self, who: As) -> bool {
        match who {
            As::Nobody => true,
            As::Caller => self.keys.caller.is_some(),
            As::Admin => self.keys.admin.is_some(),
        }
    }

    /// Sends a request and waits up to `patience` for the head of the reply, whatever its status.
    pub(super) async fn send(
        &self,
        who: As,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
        patience: Duration,
    ) -> Result<Reply, Failure> {
        let request = self.request(who, method, path, body)?;
        let io = timeout(PATIENCE, self.dial.dial(self.base.clone()))
            .await
            .map_err(|_| self.unreachable("it does not accept the connection"))?
            .map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) = http1::handshake(io)
            .await
            .map_err(|error| self.unreachable(error))?;
        // Ends with the reply; what goes wrong on it shows in the body.
        tokio::task::spawn_local(connection);
        let response = timeout(patience, sender.send_request(request))
            .await
            .map_err(|_| self.unreachable(format!("nothing within {} s", patience.as_secs())))?
            .map_err(|error| self.unreachable(error))?;
        let (head, body) = response.into_parts();
        Ok(Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }

    fn request(
        &self,
        who: As,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let prefix = self.base.path().trim_end_matches('/');
        let authority = self.base.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{prefix}{path}"))
            .header(HOST, authority);
        let key = match who {
            As::Nobody => None,
            As::Caller => self.keys.caller.as_ref(),
            As::Admin => self.keys.admin.as_ref(),
        };
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.expose()));
        }
        let bytes = match body {
            Some((media_type, bytes)) => {
                request = request.header(CONTENT_TYPE, media_type);
                bytes.into()
            }
            None => Bytes::new(),
        };
        request.body(Full::new(bytes)).map_err(|_| {
            Failure::Config("a key, path or URL has characters that HTTP cannot carry".to_owned())
        })
    }

    fn unreachable(&self, reason: impl ToString) -> Failure {
        Failure::Unreachable {
            url: self.base.to_string(),
            reason: reason.to_string(),
        }
    }

    /// A reply of any status, whole.
    pub(super) async fn whole(
        &self,
        who: As,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<(u16, HeaderMap, Bytes), Failure> {
        let reply = self.send(who, method, path, body, PATIENCE).await?;
        let body = timeout(PATIENCE, gather(reply.body))
            .await
            .map_err(|_| self.unreachable("the reply breaks off"))??;
        Ok((reply.status, reply.headers, body))
    }

    /// The JSON body of a successful reply.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        who: As,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        let (status, _, body) = self.whole(who, method, path, body).await?;
        if !(200..300).contains(&status) {
            return Err(Failure::refused(status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| {
            Failure::Unexpected(format!("the reply to {path} is not what was expected: {error}"))
        })
    }

    /// [`Client::call`] with `GET`.
    pub(super) async fn get<T: DeserializeOwned>(&self, who: As, path: &str) -> Result<T, Failure> {
        self.call(who, Method::GET, path, None).await
    }
}

/// A body, whole.
pub(super) async fn gather(mut body: Incoming) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = next(&mut body).await? {
        if bytes.len() + piece.len() > REPLY_MAX {
            return Err(Failure::Unexpected(format!(
                "the reply is over {} MiB",
                REPLY_MAX >> 20
            )));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// The next piece of a body; `None` at its end.
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => return Err(Failure::Unexpected(format!("the reply broke off: {error}"))),
        }
    }
}

/// A path segment: everything but letters, digits, `-._~` and the `/` of account names is escaped.
pub(super) fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(reference: Option<&str>, known: &[(&str, &str)]) -> Result<Keys, Failure> {
        Keys::find(reference, &|name| {
            known
                .iter()
                .find(|entry| entry.0 == name)
                .map(|entry| entry.1.to_owned())
        })
    }

    #[test]
    fn one_key_stands_in_for_the_other() {
        let found = keys(None, &[("ATP_ADMIN_KEY", "a")]).expect("no reference");
        assert_eq!(found.caller.expect("the admin key").expose(), "a");
        let found = keys(None, &[("ATP_KEY", "k"), ("ATP_ADMIN_KEY", "a")]).expect("no reference");
        assert_eq!(found.caller.expect("a key").expose(), "k");
        assert_eq!(found.admin.expect("a key").expose(), "a");
    }

    #[test]
    fn a_key_written_where_a_reference_belongs_is_not_repeated() {
        let failure = keys(Some("atp_secret"), &[]).err().expect("no reference");
        assert_eq!(failure.exit_code(), 64);
        assert!(!failure.to_string().contains("atp_secret"), "{failure}");
    }

    #[test]
    fn a_url_without_a_scheme_is_bad_configuration() {
        for url in ["127.0.0.1:7443", "ftp://a", "", "http://"] {
            let failure = Client::new(url, Keys::default()).err().expect("not a URL");
            assert_eq!(failure.exit_code(), 64, "{url}");
        }
    }

    #[test]
    fn names_are_escaped_for_a_path() {
        assert_eq!(escaped("acme/se arch?x"), "acme/se%20arch%3Fx");
    }
}
