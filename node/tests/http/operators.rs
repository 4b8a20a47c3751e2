//! The operator's endpoints.

use serde_json::json;

use super::fixture::{TEXT, on_node};

const PATHS: [(&str, &str); 12] = [
    ("GET", "/admin/sessions"),
    ("GET", "/admin/streams/x"),
    ("POST", "/admin/drain"),
    ("GET", "/v1/admin/cluster"),
    ("PUT", "/v1/admin/cluster/members/1/drain"),
    ("POST", "/v1/admin/cluster/transfer"),
    ("POST", "/v1/admin/cluster/balance"),
    ("POST", "/v1/admin/cluster/snapshot"),
    ("GET", "/v1/admin/personas"),
    ("GET", "/admin/fair/weights"),
    ("POST", "/admin/fair/weight?session=s&weight=2"),
    ("GET", "/admin/fair/served"),
];

#[test]
fn only_the_operator_may_operate() {
    on_node(async |node| {
        for (method, path) in PATHS {
            node.ask(method, path).send().await.is_problem(403, "ESEC");
        }
        assert!(!node.node.meta.is_draining());
    });
}

#[test]
fn a_single_node_is_the_only_member_of_its_cluster_and_leads_every_group() {
    on_node(async |node| {
        let cluster = node.admin("GET", "/v1/admin/cluster").send().await.json();
        let groups = cluster["groups"].as_array().unwrap();
        let names: Vec<&str> = groups
            .iter()
            .filter_map(|group| group["group"].as_str())
            .collect();
        assert_eq!(names, ["meta", "J0", "J1", "J2", "J3", "J4", "J5", "J6", "J7"]);
        for group in groups {
            assert_eq!(
                (&group["leader"], &group["role"]),
                (&json!(1), &json!("leader")),
                "{group}"
            );
        }
    });
}

#[test]
fn weights_are_set_and_what_is_served_is_counted() {
    on_node(async |node| {
        let set = "/admin/fair/weight?session=batch&weight=0.5";
        assert_eq!(node.admin("POST", set).send().await.status(), 200);
        let weights = node.admin("GET", "/admin/fair/weights").send().await.json();
        assert_eq!(weights["weights"], json!({ "batch": 0.5 }));
        for bad in [
            "?session=batch&weight=0.01",
            "?session=batch&weight=x",
            "?weight=1",
        ] {
            let refused = node
                .admin("POST", &format!("/admin/fair/weight{bad}"))
                .send()
                .await;
            refused.is_problem(422, "EBAD_INPUT");
        }
        let asked = json!({ "prompt": TEXT, "model": "summarizer.local" });
        let ask = node.ask("POST", "/v1/ask").header("x-session-id", "batch");
        assert_eq!(ask.json(&asked).send().await.status(), 200);
        let served = node
            .admin("GET", "/admin/fair/served?limit=5")
            .send()
            .await
            .json();
        assert_eq!(served[0]["session"], "batch", "{served}");
        assert_eq!(served[0]["grants"], 1);
    });
}

#[test]
fn a_draining_node_takes_no_new_work_and_is_not_ready() {
    on_node(async |node| {
        let told = node.admin("POST", "/admin/drain").send().await;
        assert_eq!(
            (told.status(), told.json()["draining"].clone()),
            (202, json!(true))
        );
        let refused = node
            .ask("POST", "/v1/ask")
            .json(&json!({ "prompt": TEXT }))
            .send()
            .await;
        refused.is_problem(503, "EDRAINING");
        assert!(refused.header("retry-after").is_some());
        assert_eq!(node.admin("GET", "/readyz").send().await.status(), 503);
        assert_eq!(node.admin("GET", "/healthz").send().await.status(), 200);
    });
}

#[test]
fn a_session_belongs_to_the_tenant_that_used_it_first() {
    on_node(async |node| {
        let asked = json!({ "prompt": TEXT, "model": "summarizer.local" });
        let ask = node
            .ask("POST", "/v1/ask")
            .header("x-session-id", "shared")
            .json(&asked);
        assert_eq!(ask.clone().send().await.status(), 200);
        let stranger = format!("Bearer {}", node.tenant("stranger", false).await);
        let refused = ask.clone().header("authorization", &stranger).send().await;
        refused.is_problem(403, "ESEC");
        assert_eq!(ask.send().await.status(), 200);
    });
}
