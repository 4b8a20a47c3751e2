//! Streams that outlive their connection.

use serde_json::{Value, json};

use crate::fixture::{
    Agent, Asked, Manners, Peer, Setup, client, client_of, frame, on_node, on_node_with, request,
};

/// A client that asked for `resume`.
async fn returning(setup: &Setup) -> Peer {
    let mut peer = client(setup).await;
    let ack = peer.greet(json!({ "features": ["resume"] })).await;
    assert_eq!(ack["features"], json!(["resume"]), "{ack}");
    peer
}

fn resume(stream: &str, token: &Value, cum: u64) -> Value {
    let content = json!({ "resume_token": token, "lanes": [{ "cum": cum }], "sent_cum": 1 });
    let payload = json!({ "type": "control.resume", "content": content });
    frame(stream, 0, &["SYN", "RESUME", "CTRL"], payload)
}

/// The token in the answer to a SYN.
async fn token(peer: &mut Peer) -> Value {
    let granted = peer.of_type("control.window_update").await;
    assert_eq!(granted["flags"], json!(["SYN", "ACK"]), "{granted}");
    granted["payload"]["content"]["resume_token"].clone()
}

async fn resumed(peer: &mut Peer) -> Value {
    let ack = peer.of_type("control.resume_ack").await;
    assert_eq!(ack["flags"], json!(["SYN", "ACK", "CTRL"]), "{ack}");
    ack["payload"]["content"].clone()
}

/// A client that may come back asks the agent on stream `a`; the client, its token, and the call the agent is given.
async fn kept(setup: &Setup, agent: &mut Agent) -> (Peer, Value, Asked) {
    let mut peer = returning(setup).await;
    peer.send(request("a", "slow", "tell me")).await;
    let token = token(&mut peer).await;
    (peer, token, agent.asked().await)
}

/// Number and text of the next partial.
async fn partial(peer: &mut Peer) -> (u64, String) {
    let said = peer.of_type("agent.result.partial").await;
    let text = &said["payload"]["content"]["text"];
    (
        said["msg_seq"].as_u64().expect("a number"),
        text.as_str().expect("text").to_owned(),
    )
}

#[test]
fn a_stream_goes_on_without_its_connection_and_is_read_on_over_another() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let (mut peer, token, asked) = kept(&setup, &mut agent).await;
        agent.partial(&asked, "one ").await;
        assert_eq!(partial(&mut peer).await, (1, "one ".to_owned()));
        drop(peer);
        agent.partial(&asked, "two ").await;
        agent.partial(&asked, "three").await;

        let mut peer = returning(&setup).await;
        peer.send(resume("a", &token, 1)).await;
        let ack = resumed(&mut peer).await;
        assert_eq!((&ack["ok"], &ack["expect"]), (&json!(true), &json!(2)), "{ack}");
        assert_eq!((&ack["gap_from"], &ack["gap_to"]), (&Value::Null, &Value::Null));
        assert_ne!(ack["resume_token"], token);
        assert_eq!(partial(&mut peer).await, (2, "two ".to_owned()));
        assert_eq!(partial(&mut peer).await, (3, "three".to_owned()));
        agent.last(&asked, 3).await;
        let last = peer.answer().await;
        assert_eq!(last["msg_seq"], 4);
        assert_eq!(last["payload"]["content"]["result"]["text"], "one two three");

        peer.send(resume("a", &token, 1)).await;
        assert_eq!(peer.error().await, "ERESUME", "a token is good once");
        setup.counts("resumes_total", 1.0).await;
        setup.counts("resume_failures_total", 1.0).await;
        setup.settled().await;
    });
}

#[test]
fn a_final_that_was_not_read_is_not_lost() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let (peer, token, asked) = kept(&setup, &mut agent).await;
        drop(peer);
        agent.partial(&asked, "all of it").await;
        agent.last(&asked, 3).await;
        setup.settled().await;

        let mut peer = returning(&setup).await;
        peer.send(resume("a", &token, 0)).await;
        assert_eq!(resumed(&mut peer).await["replaying"], 2);
        let last = peer.answer().await;
        assert_eq!(last["payload"]["content"]["result"]["text"], "all of it");
        // What comes after the end is dropped; a new request under the name is not.
        peer.send(frame(
            "a",
            2,
            &["FIN"],
            json!({ "type": "agent.event", "content": { "event": "done" } }),
        ))
        .await;
        peer.is_heard().await;
        peer.send(request("a", "slow", "more")).await;
        assert_eq!(peer.error().await, "EPROTO");
    });
}

#[test]
fn a_request_that_acknowledges_opens_no_stream() {
    on_node(async |setup| {
        let mut peer = returning(&setup).await;
        let mut asked = request("a", "summarizer.local", "Work goes where it should.");
        asked["flags"] = json!(["SYN", "ACK"]);
        peer.send(asked).await;
        let refused = peer.of_type("control.error").await;
        assert_eq!(
            (&refused["stream_id"], &refused["flags"][0]),
            (&json!("a"), &json!("RST"))
        );
        assert_eq!(refused["payload"]["content"]["code"], "EPROTO");
    });
}

#[test]
fn the_newest_connection_wins() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let (mut first, token, asked) = kept(&setup, &mut agent).await;
        let mut second = returning(&setup).await;
        second.send(resume("a", &token, 0)).await;
        resumed(&mut second).await;
        assert_eq!(first.closed().await, Some(4409));
        agent.partial(&asked, "here").await;
        agent.last(&asked, 1).await;
        assert_eq!(partial(&mut second).await, (1, "here".to_owned()));
        second.answer().await;
    });
}

#[test]
fn a_stream_comes_back_only_to_its_tenant_with_its_token_where_resume_was_agreed() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let (_peer, token, _) = kept(&setup, &mut agent).await;
        let stranger = setup.tenant("stranger", false).await;
        let mut other = client_of(&setup, &stranger).await;
        other.greet(json!({ "features": ["resume"] })).await;
        other.send(resume("a", &token, 0)).await;
        assert_eq!(other.error().await, "ERESUME");
        let mut plain = client(&setup).await;
        plain.greet(json!({})).await;
        plain.send(resume("a", &token, 0)).await;
        assert_eq!(plain.error().await, "ERESUME");
        let mut guessing = returning(&setup).await;
        for (stream, token) in [
            ("a", json!("A".repeat(32))),
            ("a", json!("short")),
            ("b", token.clone()),
        ] {
            guessing.send(resume(stream, &token, 0)).await;
            assert_eq!(guessing.error().await, "ERESUME", "{stream} {token}");
        }
        guessing.send(resume("a", &token, 0)).await;
        resumed(&mut guessing).await;
    });
}

#[test]
fn a_stream_of_one_surface_is_read_on_over_the_other() {
    on_node(async |setup| {
        Agent::ready(&setup, "echo").await.work(Manners::Echo);
        let task = json!({ "task": { "prompt": "over HTTP", "model": "echo" }, "session_id": "s" });
        let (status, opened) = setup.post("/v1/streams", &setup.key, &task).await;
        assert_eq!(status, 201, "{opened}");
        let stream = opened["stream_id"].as_str().unwrap();
        let mut peer = returning(&setup).await;
        peer.send(resume(stream, &opened["resume_token"], 0)).await;
        resumed(&mut peer).await;
        assert_eq!(partial(&mut peer).await, (1, "over ".to_owned()));
        let last = peer.answer().await;
        assert_eq!(last["payload"]["content"]["result"]["text"], "over HTTP");

        peer.send(request("w", "echo", "over a socket")).await;
        let token = token(&mut peer).await;
        peer.answer().await;
        drop(peer);
        let (_, state) = setup.get("/v1/streams/w", &setup.key).await;
        assert_eq!(
            (&state["state"], &state["final"]["result"]["text"]),
            (&json!("CLOSED"), &json!("over a socket")),
            "{state}"
        );
        let body = json!({ "resume_token": token, "lanes": [{ "cum": 1 }] });
        let (_, back) = setup.post("/v1/streams/w/resume", &setup.key, &body).await;
        assert_eq!(back["replaying"], 3, "{back}");
    });
}

#[test]
fn what_is_kept_whole_is_cut_for_the_connection_it_goes_over() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let mut peer = returning(&setup).await;
        peer.send(request("a", "slow", "tell me")).await;
        let asked = agent.asked().await;
        let text = "0123456789".repeat(2_000);
        agent.partial(&asked, &text).await;
        let (mut joined, mut at) = (String::new(), 0);
        loop {
            let said = peer.of_type("agent.result.partial").await;
            assert_eq!((&said["msg_seq"], &said["frag_seq"]), (&json!(1), &json!(at)));
            joined.push_str(said["payload"]["content"]["text"].as_str().unwrap());
            at += 1;
            if !said["flags"].as_array().unwrap().contains(&json!("MORE")) {
                break;
            }
        }
        assert_eq!((joined, at), (text, 2));
    });
}

#[test]
fn a_stream_that_nobody_comes_back_to_is_given_up() {
    on_node_with(
        |config| {
            config.resume.ttl_ms = 1_000;
            // So that it is not the silence of the agent that ends it.
            config.timeouts.first_chunk_ms = 60_000;
        },
        async |setup| {
            let mut agent = Agent::ready(&setup, "slow").await;
            let (peer, token, _) = kept(&setup, &mut agent).await;
            drop(peer);
            assert_eq!(agent.peer.error().await, "ECANCEL");
            setup.settled().await;
            let mut peer = returning(&setup).await;
            peer.send(resume("a", &token, 0)).await;
            assert_eq!(peer.error().await, "ERESUME");
        },
    );
}

#[test]
fn a_deaf_client_stops_the_agent_though_its_stream_is_kept() {
    on_node_with(
        |config| config.limits.write_stall_ms = 300,
        async |setup| {
            let mut agent = Agent::ready(&setup, "flood").await;
            let mut deaf = returning(&setup).await;
            deaf.send(request("a", "flood", "everything")).await;
            let asked = agent.asked().await;
            agent.flood(&asked).await;
            assert_eq!(agent.peer.error().await, "ECANCEL");
        },
    );
}

#[test]
fn a_client_that_resets_its_stream_cancels_the_work() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let mut peer = returning(&setup).await;
        peer.send(request("a", "slow", "tell me")).await;
        agent.asked().await;
        let error =
            json!({ "code": "ECANCEL", "error": "request_cancelled", "retryable": false, "scope": "stream" });
        let payload = json!({ "type": "control.error", "content": error });
        peer.send(frame("a", 1, &["RST", "CTRL"], payload)).await;
        assert_eq!(agent.peer.error().await, "ECANCEL");
        setup.settled().await;
    });
}

#[test]
fn a_leaving_node_lets_a_kept_stream_end_before_it_closes() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let mut peer = returning(&setup).await;
        peer.send(request("a", "slow", "tell me")).await;
        let asked = agent.asked().await;
        setup.node.meta.drain();
        peer.of_type("control.status").await;
        agent.partial(&asked, "still here").await;
        agent.last(&asked, 1).await;
        peer.answer().await;
        assert_eq!(peer.closed().await, Some(1001));
    });
}

#[test]
fn a_token_has_a_successor_at_half_its_time() {
    on_node_with(
        |config| config.resume.ttl_ms = 1_000,
        async |setup| {
            let mut agent = Agent::ready(&setup, "slow").await;
            let (mut peer, first, _) = kept(&setup, &mut agent).await;
            let renewed = peer.of_type("control.window_update").await["payload"]["content"].clone();
            assert_eq!(
                (&renewed["reason"], &renewed["resume_ttl_ms"]),
                (&json!("refresh"), &json!(1_000))
            );
            assert_ne!(renewed["resume_token"], first);
            drop(peer);
            let mut peer = returning(&setup).await;
            peer.send(resume("a", &renewed["resume_token"], 0)).await;
            resumed(&mut peer).await;
        },
    );
}

#[test]
fn what_is_no_longer_kept_is_told_as_a_gap() {
    on_node_with(
        |config| config.resume.buffer_bytes = 64 << 10,
        async |setup| {
            let mut agent = Agent::ready(&setup, "slow").await;
            let (mut peer, token, asked) = kept(&setup, &mut agent).await;
            for seq in 1..=20 {
                agent.partial(&asked, &"word ".repeat(1_500)).await;
                assert_eq!(partial(&mut peer).await.0, seq);
            }
            drop(peer);
            let mut peer = returning(&setup).await;
            peer.send(resume("a", &token, 2)).await;
            let ack = resumed(&mut peer).await;
            let lost = ack["gap_to"].as_u64().unwrap();
            assert_eq!(ack["gap_from"], 3, "{ack}");
            assert_eq!(ack["replaying"], 20 - lost);
            assert_eq!(partial(&mut peer).await.0, lost + 1);
            agent.last(&asked, 1).await;
            assert_eq!(peer.answer().await["msg_seq"], 21);
        },
    );
}

#[test]
fn streams_of_one_name_are_told_apart_by_their_session() {
    on_node(async |setup| {
        Agent::ready(&setup, "echo").await.work(Manners::Echo);
        let mut peer = returning(&setup).await;
        for session in ["s1", "s2"] {
            let mut asked = request("a", "echo", session);
            asked["session_id"] = session.into();
            peer.send(asked).await;
            peer.answer().await;
        }
        let (status, problem) = setup.get("/v1/streams/a", &setup.key).await;
        assert_eq!(
            (status, &problem["wire_code"]),
            (422, &json!("EBAD_INPUT")),
            "{problem}"
        );
        let (_, state) = setup.get("/v1/streams/a?session_id=s2", &setup.key).await;
        assert_eq!(state["final"]["result"]["text"], "s2");
    });
}
