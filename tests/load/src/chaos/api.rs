//! The HTTP APIs of the members, as clients use them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::timeout;

use crate::client::{Call, Connection, Failure};
use crate::seed::Seed;

/// No client waits for longer than this for a whole answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who can be asked. Its clones share who that is.
#[derive(Debug, Clone)]
pub(super) struct Api {
    members: Vec<Call>,
    admin: String,
    serving: Rc<RefCell<BTreeSet<usize>>>,
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) key: &'a str,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    /// `Null` for none.
    pub(super) body: &'a Value,
}

impl Api {
    pub(super) async fn new(urls: &[String], admin: &str) -> Result<Self> {
        let mut members = Vec::new();
        for url in urls {
            members.push(Call::post(url, "/", "").await?);
        }
        Ok(Self {
            members,
            admin: admin.to_owned(),
            serving: Rc::default(),
        })
    }

    /// The members of the cluster, by index.
    pub(super) fn members(&self) -> Vec<usize> {
        self.serving.borrow().iter().copied().collect()
    }

    /// One of them.
    pub(super) fn any(&self, seed: &mut Seed) -> usize {
        let members = self.members();
        members[seed.below(members.len())]
    }

    /// `member` is asked from here on.
    pub(super) fn join(&self, member: usize) {
        self.serving.borrow_mut().insert(member);
    }

    /// `member`, which is not the last one, is asked no more.
    pub(super) fn leave(&self, member: usize) {
        self.serving.borrow_mut().remove(&member);
    }

    /// `GET` as the operator.
    pub(super) async fn get(&self, member: usize, path: &str) -> Result<Value, Failure> {
        self.operate(member, &Method::GET, path, &Value::Null).await
    }

    /// Asks as the operator.
    pub(super) async fn operate(
        &self,
        member: usize,
        method: &Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let ask = Ask {
            key: &self.admin,
            method,
            path,
            body,
        };
        let answer = self.ask(member, ask).await?;
        serde_json::from_slice(&answer).map_err(|_| Failure::Content)
    }

    /// Asks `member` on a connection of its own and reads the whole answer.
    pub(super) async fn ask(&self, member: usize, ask: Ask<'_>) -> Result<Bytes, Failure> {
        let exchange = async { Connection::new(self.call(member, ask)?, None).exchange().await };
        timeout(PATIENCE, exchange).await.unwrap_or(Err(Failure::Timeout))
    }

    /// As [`Self::ask`] for an answer that comes piece by piece; `read` is given each until it says that it has enough.
    ///
    /// True when it had; false when the answer ended before.
    pub(super) async fn follow(
        &self,
        member: usize,
        ask: Ask<'_>,
        headers: &[(&str, &str)],
        mut read: impl FnMut(&[u8]) -> bool,
    ) -> Result<bool, Failure> {
        let reading = async {
            let mut call = self.call(member, ask)?;
            for (name, value) in headers {
                call = call.header(name, value).map_err(|_| Failure::Content)?;
            }
            let mut body = Connection::new(call, None).send().await?.into_body();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| Failure::Broken)?;
                if frame.data_ref().is_some_and(|piece| read(piece)) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        timeout(PATIENCE, reading).await.unwrap_or(Err(Failure::Timeout))
    }

    fn call(&self, member: usize, ask: Ask<'_>) -> Result<Call, Failure> {
        let body = match ask.body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let call = self.members[member].to(ask.method.clone(), ask.path, body);
        let with_key = |call: Call| call.header("authorization", &format!("Bearer {}", ask.key));
        call.and_then(with_key).map_err(|_| Failure::Content)
    }
}
