//! Whose an agent is: it serves the tenant it dialled in for, and nobody else knows of it.

use serde_json::{Value, json};

use crate::fixture::{ADMIN, Agent, Manners, Setup, client, client_of, frame, on_node, request};

/// Whether this key sees the id anywhere a client can look.
async fn sees(setup: &Setup, key: &str, id: &str) -> [bool; 4] {
    let has = |shown: &Value, member: &str| {
        let listed = shown.get("data").unwrap_or(shown).as_array();
        listed.expect("a list").iter().any(|of| of[member] == id)
    };
    [
        has(&setup.get("/v1/models", key).await.1, "id"),
        setup.get(&format!("/v1/models/{id}"), key).await.0 == 200,
        has(&setup.get("/v1/providers", key).await.1, "id"),
        has(&setup.get("/adapters/health", key).await.1, "adapter_id"),
    ]
}

/// What the agent of this name answers to the holder of the key, or the code of the refusal.
async fn asked(setup: &Setup, key: &str, model: &str) -> String {
    let mut peer = client_of(setup, key).await;
    let mut frame = request("a", model, "whose are you?");
    frame["session_id"] = key[4..12].into();
    peer.send(frame).await;
    loop {
        let frame = peer.frame().await;
        let content = &frame["payload"]["content"];
        match frame["payload"]["type"].as_str() {
            Some("agent.result.final") => return content["result"]["text"].to_string(),
            Some("control.error") => return content["code"].as_str().expect("a code").to_owned(),
            _ => {}
        }
    }
}

#[test]
fn an_agent_is_known_to_its_own_tenant_alone() {
    on_node(async |setup| {
        let (acme, globex) = (
            setup.tenant("acme", true).await,
            setup.tenant("globex", true).await,
        );
        Agent::ready_as(&setup, &acme, "critic.own")
            .await
            .work(Manners::Echo);
        assert_eq!(sees(&setup, &acme, "critic.own").await, [true; 4]);
        assert_eq!(asked(&setup, &acme, "critic.own").await, "\"whose are you?\"");
        assert_eq!(sees(&setup, &globex, "critic.own").await, [false; 4]);
        for name in ["critic.own", "critic.*", "critic.own/critic.own"] {
            assert_eq!(asked(&setup, &globex, name).await, "ENOTFOUND", "{name}");
        }
        // The operator sees whose it is.
        let (_, all) = setup.get("/v1/admin/adapters", ADMIN).await;
        let own = all.as_array().expect("a list").iter();
        let own: Vec<_> = own.filter(|of| of["id"] == "critic.own").collect();
        assert_eq!(own.len(), 1);
        assert_eq!(own[0]["tenant"], "acme");
        let (_, routes) = setup.get("/v1/admin/routes", ADMIN).await;
        let candidate = &routes["tenants"]["acme"]["candidates"][0];
        assert_eq!(candidate["adapter"], "critic.own", "{routes}");
    });
}

#[test]
fn two_tenants_have_agents_of_one_name_and_each_is_served_by_its_own() {
    on_node(async |setup| {
        let keys = [
            setup.tenant("acme", true).await,
            setup.tenant("globex", true).await,
        ];
        let mut agents = Vec::new();
        for key in &keys {
            agents.push(Agent::ready_as(&setup, key, "echo").await);
            while sees(&setup, key, "echo").await != [true; 4] {}
        }
        for (key, agent) in keys.iter().zip(&mut agents) {
            let asking = asked(&setup, key, "echo");
            let answering = async {
                let call = agent.asked().await;
                agent.echo(&call).await;
            };
            let (said, ()) = tokio::join!(asking, answering);
            assert_eq!(said, "\"whose are you?\"");
        }
        // One leaves; the other stays.
        drop(agents.remove(0));
        while sees(&setup, &keys[0], "echo").await != [false; 4] {}
        assert_eq!(sees(&setup, &keys[1], "echo").await, [true; 4]);
    });
}

#[test]
fn a_key_without_the_right_declares_no_agent() {
    on_node(async |setup| {
        let key = setup.tenant("acme", false).await;
        let mut agent = Agent::dial_as(&setup, &key, "echo").await;
        agent.declare(json!({})).await;
        assert_eq!(agent.peer.error().await, "ESEC");
        assert_eq!(sees(&setup, &key, "echo").await, [false; 4]);
        // It is a client like any other.
        assert_eq!(
            asked(&setup, &key, "summarizer.local").await,
            "\"whose are you?\""
        );
    });
}

#[test]
fn whoever_is_connected_with_a_revoked_key_is_turned_away_when_they_speak_again() {
    on_node(async |setup| {
        let key = setup.tenant("acme", true).await;
        let mut agent = Agent::ready_as(&setup, &key, "echo").await;
        let (mut idle, mut other) = (client_of(&setup, &key).await, client(&setup).await);
        idle.is_heard().await;
        let id = key.split('_').nth(1).expect("an id");
        setup
            .node
            .meta
            .revoke_key(id)
            .await
            .expect("it is good until now");
        idle.send(request("a", "auto", "hello")).await;
        assert_eq!(idle.error().await, "EAUTH");
        assert_eq!(idle.closed().await, Some(4401));
        let health = json!({ "type": "adapter.health", "content": { "adapter_id": "echo", "status": "UP" } });
        agent.peer.send(frame("-", 0, &[], health)).await;
        assert_eq!(agent.peer.closed().await, Some(4401));
        other.is_heard().await;
    });
}

#[test]
fn an_agent_whose_key_was_revoked_is_given_no_work() {
    on_node(async |setup| {
        let key = setup.tenant("acme", true).await;
        let other = setup.tenant("acme", false).await;
        let mut agent = Agent::ready_as(&setup, &key, "echo").await;
        let id = key.split('_').nth(1).expect("an id");
        setup
            .node
            .meta
            .revoke_key(id)
            .await
            .expect("it is good until now");
        assert_ne!(asked(&setup, &other, "echo").await, "\"whose are you?\"");
        loop {
            let frame = agent.peer.frame().await;
            match frame["payload"]["type"].as_str() {
                Some("control.error") => break assert_eq!(frame["payload"]["content"]["code"], "EAUTH"),
                kind => assert_ne!(kind, Some("agent.request")),
            }
        }
        assert_eq!(agent.peer.closed().await, Some(4401));
    });
}

#[test]
fn the_newest_of_one_tenant_has_the_name_and_the_older_is_closed_with_4409() {
    on_node(async |setup| {
        let mut first = Agent::ready(&setup, "echo").await;
        let mut second = Agent::dial(&setup, "echo").await;
        second.declare(json!({})).await;
        assert_eq!(first.peer.closed().await, Some(4409));
        let probe = second.asked().await;
        second.echo(&probe).await;
        setup.routable("echo").await;
        second.peer.is_heard().await;
    });
}

#[test]
fn an_operators_agent_serves_everybody_and_takes_its_name_from_tenants() {
    on_node(async |setup| {
        let (acme, globex) = (
            setup.tenant("acme", true).await,
            setup.tenant("globex", false).await,
        );
        let mut own = Agent::ready_as(&setup, &acme, "echo").await;
        let mut operators = Agent::dial_as(&setup, ADMIN, "echo").await;
        operators.declare(json!({})).await;
        assert_eq!(own.peer.closed().await, Some(4409));
        let probe = operators.asked().await;
        operators.echo(&probe).await;
        // Tables are a moment behind: the tenant's own still names its agent, and only then is there one for all.
        while sees(&setup, &globex, "echo").await != [true; 4] {
            tokio::task::yield_now().await;
        }
        // A tenant cannot have it back.
        let mut again = Agent::dial_as(&setup, &acme, "echo").await;
        again.declare(json!({})).await;
        assert_eq!(again.peer.error().await, "ESEC");
        again.peer.closed().await;
        operators.work(Manners::Echo);
        for key in [&acme, &globex] {
            assert_eq!(sees(&setup, key, "echo").await, [true; 4]);
            assert_eq!(asked(&setup, key, "echo").await, "\"whose are you?\"");
        }
    });
}
