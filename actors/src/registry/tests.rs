use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_protocol::adapter::{Capability, Health};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::Estimate;
use atp_protocol::ids::TenantId;
use atp_routing::policy::PolicyStore;
use futures_util::future::LocalBoxFuture;
use serde_json::json;

use super::*;
use crate::adapter::{Adapter, AdapterFactory, Call, LaneStream, Watch};
use crate::environment::testing::world;

/// An agent that is never called.
struct Idle(Arc<Capability>);

impl AdapterFactory for Idle {
    fn build(&self) -> Rc<dyn Adapter> {
        Rc::new(Self(Arc::clone(&self.0)))
    }
}

impl Adapter for Idle {
    fn capability(&self) -> Arc<Capability> {
        Arc::clone(&self.0)
    }

    fn estimate(&self, _: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        Box::pin(std::future::pending())
    }

    fn stream(&self, _: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>> {
        Box::pin(std::future::pending())
    }

    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>> {
        Box::pin(std::future::ready(Ok(Health::HEALTHY)))
    }
}

fn spec(id: &str, model: &str, attachment: Attachment) -> AdapterSpec {
    let content = json!({ "adapter_id": id, "adapter_type": "x", "capabilities": [], "models": [model],
        "cost_per_token_micros": 1 });
    let capability: Arc<Capability> = Arc::new(serde_json::from_value(content).unwrap());
    AdapterSpec {
        capability: Arc::clone(&capability),
        owner: None,
        factory: Arc::new(Idle(capability)),
        attachment,
        region: "here".into(),
        prices: PriceList::default(),
        window: 1,
        cancel_stops_billing: true,
    }
}

fn registry() -> RegistryHandle {
    let (world, _) = world();
    Registry::launch(PolicyStore::default(), Watch::default(), world)
}

fn models(registry: &RegistryHandle) -> BTreeSet<String> {
    let fibs = registry.snapshots.fibs();
    let candidates = fibs.everybodys.candidates().iter();
    candidates.map(|candidate| candidate.model.to_string()).collect()
}

/// Lets so much time pass, and counts the tables that are made in it.
async fn made_in(registry: &RegistryHandle, ms: u64) -> usize {
    let mut made = 0;
    let mut before = Arc::clone(&registry.snapshots.fibs());
    for _ in 0..ms {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let after = Arc::clone(&registry.snapshots.fibs());
        made += usize::from(!Arc::ptr_eq(&before, &after));
        before = after;
    }
    made
}

async fn local<F: Future>(test: F) -> F::Output {
    tokio::task::LocalSet::new().run_until(test).await
}

#[tokio::test(start_paused = true)]
async fn however_many_declarations_come_they_make_one_table_at_a_time() {
    local(async {
        let registry = registry();
        made_in(&registry, 150).await;
        let before = Arc::clone(&registry.snapshots.fibs());
        for round in 0..50 {
            for agent in 0..20 {
                let spec = spec(
                    &format!("agent.{agent}"),
                    &format!("m{round}"),
                    Attachment::Dialled,
                );
                registry.register(spec.clone()).await.unwrap();
                registry.report_compliance(spec.claim(), true);
            }
        }
        assert!(
            Arc::ptr_eq(&before, &registry.snapshots.fibs()),
            "no time has passed"
        );
        assert_eq!(made_in(&registry, 1_000).await, 1, "for a thousand declarations");
        assert_eq!(
            models(&registry),
            BTreeSet::from(["m49".to_owned()]),
            "the latest is in force"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_takes_a_name_gets_no_work_by_the_table_of_the_one_before() {
    local(async {
        let registry = registry();
        let tenant = TenantId::new("t").unwrap();
        let first = spec("echo", "m", Attachment::Dialled);
        let id = first.capability.adapter_id.clone();
        registry.register(first.clone()).await.unwrap();
        assert!(
            registry.directory.get(&tenant, &id).is_none(),
            "it has not passed its probe"
        );
        registry.report_compliance(first.claim(), true);
        made_in(&registry, 150).await;
        assert!(registry.directory.get(&tenant, &id).is_some());
        registry
            .register(spec("echo", "m", Attachment::Dialled))
            .await
            .unwrap();
        assert!(models(&registry).contains("m"), "tables are a moment behind");
        assert!(registry.directory.get(&tenant, &id).is_none());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_the_operator_configured_is_there_at_once_and_who_leaves_is_gone_at_once() {
    local(async {
        let registry = registry();
        let tenant = TenantId::new("t").unwrap();
        let spec = spec("local", "m", Attachment::Local);
        registry.register(spec.clone()).await.unwrap();
        assert!(models(&registry).contains("m"));
        registry.withdraw(spec.claim()).await;
        assert!(
            registry
                .directory
                .get(&tenant, &spec.capability.adapter_id)
                .is_none()
        );
        made_in(&registry, 200).await;
        assert!(models(&registry).is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_makes_no_table() {
    local(async {
        let registry = registry();
        let spec = spec("echo", "m", Attachment::Dialled);
        registry.register(spec.clone()).await.unwrap();
        made_in(&registry, 200).await;
        registry.report_alive(spec.claim());
        assert_eq!(made_in(&registry, 500).await, 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_attached_here_goes_before_the_same_name_elsewhere() {
    local(async {
        let registry = registry();
        let elsewhere = |is_dialled: bool| {
            let node = NodeId::new(2).unwrap();
            spec("a", "there", Attachment::Remote { node, is_dialled })
        };
        let places = async || {
            let specs = registry.specs().await.unwrap();
            let places = specs.iter().map(|(spec, _)| spec.attachment.as_str());
            places.collect::<Vec<_>>()
        };
        registry.register(elsewhere(false)).await.unwrap();
        let dialled = registry.register(spec("a", "here", Attachment::Dialled)).await;
        assert_eq!(dialled.unwrap_err().code, Code::Sec, "it is configured elsewhere");
        registry.register(elsewhere(true)).await.unwrap();
        registry
            .register(spec("a", "here", Attachment::Dialled))
            .await
            .unwrap();
        assert_eq!(places().await, ["dialled"], "it dialled in here since");
        let refused = registry.register(elsewhere(true)).await;
        assert_eq!(refused.unwrap_err().code, Code::Sec);
        let here = spec("a", "here", Attachment::Configured);
        registry.register(here.clone()).await.unwrap();
        registry.retire(&elsewhere(true)).await;
        assert_eq!(places().await, ["configured"], "another registration left");
        registry.retire(&here).await;
        assert!(places().await.is_empty());
    })
    .await;
}
