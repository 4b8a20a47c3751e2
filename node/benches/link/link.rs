//! Two members of a cluster.

use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atp_actors::metrics::Meter;
use atp_node::environment::Environment;
use atp_node::identity::{Authority, Membership, Rotating};
use atp_node::link::{Duplex, Link, LinkSettings, Services};
use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Lane, Refusal, Service};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{BODY, on_a_thread};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers with the question.
struct Echo;

impl Services for Echo {
    fn call(
        &self,
        _: NodeId,
        _: Service,
        body: Bytes,
        _: Duration,
    ) -> LocalBoxFuture<'static, Result<Bytes, Refusal>> {
        Box::pin(async move { Ok(body) })
    }

    fn open(&self, _: NodeId, _: Service, _: Bytes, _: Duplex) {}
}

/// Asks.
#[derive(Clone)]
pub(super) struct Caller {
    link: Link,
    to: NodeId,
    _directory: Rc<TempDir>,
}

fn node(number: u16) -> NodeId {
    NodeId::new(number).expect("not 0")
}

impl Caller {
    pub(super) async fn connect() -> Result<Self> {
        let directory = TempDir::new()?;
        let random = Environment::real(1).random;
        Authority::create(&directory.path().join("ca"), "bench", 8, node(1), &*random)?;
        let server = start(directory.path(), 2)?;
        let (sender, bound) = oneshot::channel();
        on_a_thread(move || serve(server, sender))?;
        let (environment, identity) = start(directory.path(), 1)?;
        let link = link(&environment, identity);
        let address = bound.await?.to_string().parse()?;
        link.set_members([(node(2), address)].into());
        let connected = async {
            while !link.is_connected(node(2), Lane::Requests) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, connected)
            .await
            .context("no connection")?;
        Ok(Self {
            link,
            to: node(2),
            _directory: Rc::new(directory),
        })
    }

    pub(super) async fn call(self) -> Result<()> {
        let question = [7; BODY];
        let answer = self
            .link
            .call(self.to, Lane::Requests, Service(1), question, PATIENCE);
        ensure!(answer.await?.len() == BODY, "another answer");
        Ok(())
    }
}

fn start(root: &Path, number: u16) -> Result<(Environment, Arc<Rotating>)> {
    let environment = Environment::real(1);
    let authority = Authority::open(&root.join("ca"))?;
    let member = Membership {
        cluster: authority.cluster().clone(),
        node: node(number),
        address: "127.0.0.1:7444".parse()?,
    };
    let directory = root.join(number.to_string());
    authority.issue(&member, &directory, environment.clock.unix())?;
    let identity = Rotating::open(&directory, Arc::clone(&environment.clock))?;
    Ok((environment, Arc::new(identity)))
}

fn link(environment: &Environment, identity: Arc<Rotating>) -> Link {
    let meter = Arc::new(Meter::new(Arc::new(metrics::NoopRecorder)));
    Link::start(environment, meter, identity, LinkSettings::default())
}

async fn serve(
    (environment, identity): (Environment, Arc<Rotating>),
    bound: oneshot::Sender<SocketAddr>,
) -> Result<()> {
    let link = link(&environment, identity);
    let listener = environment.network.listen(([127, 0, 0, 1], 0).into()).await?;
    // The other side waits for it.
    let _ = bound.send(listener.local_addr()?);
    link.accept(listener, Rc::new(Echo), Vec::new()).await;
    Ok(())
}
