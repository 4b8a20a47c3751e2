//! Streams over plain HTTP.

use atp_node::config::Config;
use serde_json::{Value, json};

use super::fixture::{Event, Manner, Reply, Scripted, Setup, TEXT, on_node, on_node_with};

/// Opens a stream with a request for the summariser.
async fn open(node: &Setup) -> Value {
    let task = json!({ "content": TEXT, "model": "summarizer.local" });
    let opened = node
        .ask("POST", "/v1/streams")
        .json(&json!({ "task": task }))
        .send()
        .await;
    assert_eq!(opened.status(), 201, "{}", opened.text());
    opened.json()
}

fn path(stream: &Value, rest: &str) -> String {
    format!(
        "/v1/streams/{}{rest}",
        stream["stream_id"].as_str().expect("an id")
    )
}

async fn events(node: &Setup, stream: &Value) -> Vec<Event> {
    node.ask("GET", &path(stream, "/events"))
        .events()
        .await
        .all()
        .await
}

fn request(seq: u64) -> Value {
    let content = json!({ "prompt": TEXT, "model": "summarizer.local" });
    json!({ "msg_seq": seq, "flags": ["SYN"], "payload": { "type": "agent.request", "content": content } })
}

#[test]
fn a_stream_is_read_by_several_readers_each_getting_all() {
    on_node(async |node| {
        let stream = open(&node).await;
        assert!(stream["resume_token"].as_str().unwrap().len() == 32, "{stream}");
        assert_eq!(stream["events_url"], path(&stream, "/events"));
        let first = events(&node, &stream).await;
        let names: Vec<&str> = first.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(
            (names[0], *names.last().unwrap()),
            ("window_update", "final"),
            "{names:?}"
        );
        assert!(names.contains(&"partial"), "{names:?}");
        let last = &first.last().unwrap().data;
        assert_eq!(last["stream_id"], stream["stream_id"]);
        assert!(
            last["payload"]["content"]["result"]["text"]
                .as_str()
                .unwrap()
                .len()
                > 20
        );
        assert!(last["flags"].as_array().unwrap().contains(&json!("FIN")));
        assert_eq!(events(&node, &stream).await, first);
        let state = node.ask("GET", &path(&stream, "")).send().await.json();
        assert_eq!(state["state"], "CLOSED", "{state}");
        assert_eq!(state["final"], last["payload"]["content"]);
        assert!(node.settled_tokens().await > 0);
    });
}

#[test]
fn a_reader_goes_on_after_the_last_event_it_names() {
    on_node(async |node| {
        let stream = open(&node).await;
        let all = events(&node, &stream).await;
        let numbered: Vec<&Event> = all.iter().filter(|event| !event.id.is_empty()).collect();
        let ids: Vec<String> = (1..=numbered.len())
            .map(|seq| format!(":{}/{seq}", stream["stream_id"].as_str().unwrap()))
            .collect();
        assert_eq!(
            numbered.iter().map(|event| event.id.clone()).collect::<Vec<_>>(),
            ids
        );
        let ask = node.ask("GET", &path(&stream, "/events"));
        let rest = ask.header("last-event-id", &ids[0]).events().await.all().await;
        let after = all.iter().position(|event| event.id == ids[0]).unwrap() + 1;
        assert_eq!(rest, all[after..]);
    });
}

#[test]
fn frames_are_taken_in_order_up_to_the_first_error() {
    on_node(async |node| {
        let opened = node
            .ask("POST", "/v1/streams")
            .json(&json!({ "qos": "gold" }))
            .send()
            .await;
        let stream = opened.json();
        assert_eq!(opened.status(), 201, "{stream}");
        let state = node.ask("GET", &path(&stream, "")).send().await.json();
        assert_eq!(
            (state["state"].as_str(), state["qos"].as_str()),
            (Some("IDLE"), Some("gold"))
        );
        let posting = node.ask("POST", &path(&stream, "/frames"));
        let bad = json!([request(1), { "msg_seq": "2" }, request(3)]);
        let posted = posting.json(&bad).send().await;
        let told = posted.json();
        assert_eq!(
            (posted.status(), told["accepted"].as_u64()),
            (202, Some(1)),
            "{told}"
        );
        assert_eq!(told["acks"][0]["msg_seq"], 1, "{told}");
        assert_eq!(told["errors"][0]["code"], "EPROTO", "{told}");
        let last = events(&node, &stream).await.pop().unwrap();
        assert_eq!(
            (last.name.as_str(), last.data["qos"].as_str()),
            ("final", Some("gold"))
        );
    });
}

#[test]
fn a_frame_of_another_stream_is_refused() {
    on_node(async |node| {
        let opened = node.ask("POST", "/v1/streams").json(&json!({})).send().await;
        let stream = opened.json();
        let mut frame = request(1);
        frame["stream_id"] = "another".into();
        let posted = node
            .ask("POST", &path(&stream, "/frames"))
            .json(&frame)
            .send()
            .await;
        posted.is_problem(400, "EPROTO");
    });
}

#[test]
fn another_tenants_stream_looks_like_none() {
    on_node(async |node| {
        let stream = open(&node).await;
        let stranger = format!("Bearer {}", node.tenant("stranger", false).await);
        let detail = |text: &str| text.replace(stream["stream_id"].as_str().unwrap(), "…");
        for (method, rest) in [
            ("GET", ""),
            ("GET", "/events"),
            ("DELETE", ""),
            ("POST", "/frames"),
            ("POST", "/resume"),
        ] {
            let body = json!({ "resume_token": stream["resume_token"], "msg_seq": 1 });
            let ask = |path: &str| {
                node.ask(method, path)
                    .header("authorization", &stranger)
                    .json(&body)
            };
            let theirs = ask(&path(&stream, rest)).send().await;
            let nobodys = ask(&format!("/v1/streams/unknown{rest}")).send().await;
            assert_eq!(theirs.status(), nobodys.status(), "{method} {rest}");
            assert_eq!(
                detail(theirs.json()["detail"].as_str().unwrap()),
                nobodys.json()["detail"].as_str().unwrap().replace("unknown", "…")
            );
        }
        let state = node.ask("GET", &path(&stream, "")).send().await.json();
        assert_ne!(state["state"], "RESET", "nobody ended it: {state}");
        let body = json!({ "session_id": stream["session_id"] });
        let ask = node.ask("POST", "/v1/streams").json(&body);
        let refused = ask.header("authorization", &stranger).send().await;
        refused.is_problem(403, "ESEC");
    });
}

#[test]
fn a_named_session_must_be_the_streams() {
    on_node(async |node| {
        let stream = open(&node).await;
        let look = node.ask("GET", &path(&stream, ""));
        let session = stream["session_id"].as_str().unwrap();
        assert_eq!(
            look.clone().header("x-session-id", session).send().await.status(),
            200
        );
        let other = look.header("x-session-id", "another").send().await;
        other.is_problem(404, "ENOTFOUND");
        let query = node.ask("GET", &path(&stream, "?session_id=another"));
        query.send().await.is_problem(404, "ENOTFOUND");
    });
}

#[test]
fn a_budget_holds_for_work_that_comes_later() {
    on_node(async |node| {
        let body = json!({ "budget": { "tokens": 1 } });
        let stream = node.ask("POST", "/v1/streams").json(&body).send().await.json();
        let posting = node.ask("POST", &path(&stream, "/frames")).json(&request(1));
        assert_eq!(posting.send().await.json()["accepted"], 1);
        let last = events(&node, &stream).await.pop().unwrap();
        let code = &last.data["payload"]["content"]["code"];
        assert_eq!((last.name.as_str(), code.as_str()), ("error", Some("EBUDGET")));
    });
}

/// Refused at once, not to be tried again, and told why.
fn is_refused_for_good(answer: &Reply, status: u16, code: &str) -> String {
    answer.is_problem(status, code);
    let problem = answer.json();
    assert_eq!(problem["retryable"], false, "{problem}");
    assert!(answer.header("retry-after").is_none(), "{problem}");
    problem["detail"].as_str().expect("a detail").to_owned()
}

#[test]
fn what_can_never_fit_is_refused_at_once_and_for_good() {
    // Waiting would take longer than the test may.
    let configure = |config: &mut Config| config.sched.queue_timeout_ms = [3_600_000; 3];
    on_node_with(configure, async |node| {
        let task = json!({ "content": TEXT, "model": "summarizer.local" });
        let none = json!({ "max_parallel": 0, "max_tokens": 0, "max_usd_micros": 0 });
        let opened = node
            .ask("POST", "/v1/streams")
            .json(&json!({ "task": task, "window": none }))
            .send()
            .await;
        let detail = is_refused_for_good(&opened, 429, "EWINDOW");
        let says = "max_parallel of the window in force is 0, 1 wanted: 1 too few";
        assert!(detail.contains(says), "{detail}");
        let opened = node
            .ask("POST", "/v1/streams")
            .json(&json!({ "task": task, "budget": { "tokens": 0 } }))
            .send()
            .await;
        let detail = is_refused_for_good(&opened, 402, "EBUDGET");
        assert!(detail.contains("raise the budget or ask for less"), "{detail}");
        let limits = json!({ "limit_tokens": 10 });
        node.admin("PUT", "/v1/admin/accounts/dev")
            .json(&limits)
            .send()
            .await;
        let opened = node
            .ask("POST", "/v1/streams")
            .json(&json!({ "task": task }))
            .send()
            .await;
        let detail = is_refused_for_good(&opened, 402, "EBUDGET");
        assert!(
            detail.contains("account dev has limit_tokens 10 and 10 of it unspent, "),
            "{detail}"
        );
    });
}

#[test]
fn no_policy_lets_the_budget_of_a_stream_give_way() {
    let price = |config: &mut Config| {
        let price = config.prices.get_mut("summarizer.local").expect("a price");
        price.out_usd_micros_per_million = 1_000_000;
    };
    on_node_with(price, async |node| {
        let lenient = "policies: [{ id: default, fanout: [\"*\"], relax: [cost_ceiling] }]";
        let applied = node.admin("PUT", "/v1/admin/policy").body(lenient).send().await;
        assert_eq!(applied.status(), 200, "{}", applied.text());
        let task = json!({ "content": TEXT, "model": "summarizer.local" });
        let open = |usd: f64| {
            let body = json!({ "task": task, "budget": { "usd": usd } });
            node.ask("POST", "/v1/streams").json(&body).send()
        };
        is_refused_for_good(&open(0.0).await, 402, "EBUDGET");
        assert_eq!(open(1.0).await.status(), 201);
    });
}

#[test]
fn work_that_cannot_be_meant_is_an_error_of_its_frame() {
    on_node(async |node| {
        let opened = node.ask("POST", "/v1/streams").json(&json!({})).send().await;
        let stream = opened.json();
        let mut bad = request(1);
        bad["payload"]["content"]["max_tokens"] = "many".into();
        let posting = node.ask("POST", &path(&stream, "/frames")).json(&bad);
        let told = posting.send().await.json();
        assert_eq!(
            (told["accepted"].as_u64(), told["errors"][0]["code"].as_str()),
            (Some(0), Some("EBAD_INPUT")),
            "{told}"
        );
    });
}

#[test]
fn at_most_64_frames_are_taken_at_once() {
    on_node(async |node| {
        let opened = node.ask("POST", "/v1/streams").json(&json!({})).send().await;
        let posting = node.ask("POST", &path(&opened.json(), "/frames"));
        let frames: Vec<Value> = (1..=65).map(request).collect();
        let refused = posting.json(&json!(frames)).send().await;
        refused.is_problem(422, "EBAD_INPUT");
    });
}

#[test]
fn the_stream_that_ended_first_gives_way_and_an_open_one_does_not() {
    on_node_with(
        |config| config.resume.max_streams = 8,
        async |node| {
            let waiting = node
                .ask("POST", "/v1/streams")
                .json(&json!({}))
                .send()
                .await
                .json();
            let ended = open(&node).await;
            events(&node, &ended).await;
            let third = node.ask("POST", "/v1/streams").json(&json!({})).send().await;
            assert_eq!(third.status(), 201);
            let look = |stream: &Value| node.ask("GET", &path(stream, "")).send();
            // Its record is kept, and shown when there is room again.
            look(&ended).await.is_problem(429, "EWINDOW");
            assert_eq!(look(&waiting).await.status(), 200);
            let fourth = node.ask("POST", "/v1/streams").json(&json!({})).send().await;
            fourth.is_problem(429, "EWINDOW");
            // A quarter is one tenant's; the others find room.
            let stranger = format!("Bearer {}", node.tenant("stranger", false).await);
            let theirs = node.ask("POST", "/v1/streams").header("authorization", &stranger);
            assert_eq!(theirs.json(&json!({})).send().await.status(), 201);
        },
    );
}

#[test]
fn an_answer_too_long_to_be_kept_is_told_all_the_same() {
    const BYTES: usize = 2 * 1024 * 1024;
    on_node_with(
        |config| config.resume.max_streams = 8,
        async |node| {
            Scripted::join(&node, "rambler", Manner::Rambles(BYTES)).await;
            let task = json!({ "prompt": TEXT, "model": "rambler-model" });
            let opening = node.ask("POST", "/v1/streams").json(&json!({ "task": task }));
            let long = opening.send().await.json();
            let told = events(&node, &long).await;
            let last = &told.last().unwrap().data["payload"]["content"];
            assert_eq!(last["result"]["text"].as_str().map(str::len), Some(BYTES));
            // Two others, and it gives way; what is on record is shown.
            for _ in 0..2 {
                events(&node, &open(&node).await).await;
            }
            let told = events(&node, &long).await;
            let last = &told.last().unwrap().data["payload"]["content"];
            assert_eq!(last["code"], "ETOOBIG", "{told:?}");
        },
    );
}

#[test]
fn a_cancelled_stream_ends_with_an_error_and_takes_nothing_more() {
    on_node(async |node| {
        let opened = node.ask("POST", "/v1/streams").json(&json!({})).send().await;
        let stream = opened.json();
        assert_eq!(node.ask("DELETE", &path(&stream, "")).send().await.status(), 202);
        assert_eq!(node.ask("DELETE", &path(&stream, "")).send().await.status(), 200);
        let told = events(&node, &stream).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].data["payload"]["content"]["code"], "ECANCEL", "{told:?}");
        let posting = node.ask("POST", &path(&stream, "/frames")).json(&request(1));
        posting.send().await.is_problem(400, "EPROTO");
    });
}

#[test]
fn a_token_resumes_a_stream_once() {
    on_node(async |node| {
        let stream = open(&node).await;
        let all = events(&node, &stream).await;
        let numbered = all.iter().filter(|event| !event.id.is_empty()).count();
        let ask = node.ask("POST", &path(&stream, "/resume"));
        let body = json!({ "resume_token": stream["resume_token"], "lanes": [{ "cum": 1 }] });
        let back = ask.clone().json(&body).send().await.json();
        assert_eq!(
            (back["ok"].as_bool(), back["expect"].as_u64()),
            (Some(true), Some(2)),
            "{back}"
        );
        assert_eq!(back["replaying"], numbered - 1);
        assert_eq!(back["gap_from"], json!(null));
        let again = ask.clone().json(&body).send().await;
        again.is_problem(410, "ERESUME");
        let elsewhere = node.ask("POST", "/v1/streams/unknown/resume").json(&body);
        elsewhere.send().await.is_problem(410, "ERESUME");
        let next = json!({ "resume_token": back["resume_token"] });
        assert_eq!(ask.json(&next).send().await.json()["replaying"], numbered);
    });
}

#[test]
fn a_token_that_finds_no_place_to_read_is_still_good() {
    on_node(async |node| {
        let opened = node.ask("POST", "/v1/streams").json(&json!({})).send().await;
        let stream = opened.json();
        let mut readers = Vec::new();
        for _ in 0..16 {
            readers.push(node.ask("GET", &path(&stream, "/events")).events().await);
        }
        let body = json!({ "resume_token": stream["resume_token"] });
        let resume = node.ask("POST", &path(&stream, "/resume")).json(&body);
        resume.clone().send().await.is_problem(429, "EWINDOW");
        drop(readers);
        // The node notices sooner or later that they have gone.
        let resumed = loop {
            let answer = resume.clone().send().await;
            if answer.status() != 429 {
                break answer;
            }
        };
        assert_eq!(resumed.status(), 200, "{}", resumed.text());
    });
}

#[test]
fn a_request_that_is_not_admitted_opens_no_stream() {
    on_node(async |node| {
        let streams = "/v1/streams";
        for (task, status, code) in [
            (json!({ "prompt": TEXT, "model": "nobody" }), 404, "ENOTFOUND"),
            (json!({ "prompt": TEXT, "max_tokens": "many" }), 422, "EBAD_INPUT"),
            (json!({ "prompt": TEXT, "data_scope": ["pii"] }), 403, "ESEC"),
        ] {
            let body = json!({ "task": task });
            node.ask("POST", streams)
                .json(&body)
                .send()
                .await
                .is_problem(status, code);
        }
        let sessions = node.admin("GET", "/admin/sessions").send().await.json();
        assert_eq!(sessions["sessions"], json!([]));
    });
}

#[test]
fn a_stream_under_a_key_is_found_again_and_then_repeated() {
    on_node(async |node| {
        let body =
            json!({ "task": { "prompt": TEXT, "model": "summarizer.local" }, "idempotency_key": "s-1" });
        let open = node.ask("POST", "/v1/streams").json(&body);
        let (one, other) = tokio::join!(open.clone().send(), open.clone().send());
        let (first, second) = match one.status() {
            201 => (one, other),
            _ => (other, one),
        };
        assert_eq!((first.status(), second.status()), (201, 200));
        assert_eq!(first.json()["stream_id"], second.json()["stream_id"]);
        let events = first.json()["events_url"].as_str().unwrap().to_owned();
        let told = node.ask("GET", &events).events().await.all().await;
        let again = open.send().await;
        assert_eq!(again.status(), 201);
        let events = again.json()["events_url"].as_str().unwrap().to_owned();
        let repeated = node.ask("GET", &events).events().await.all().await;
        let last =
            |events: &[super::fixture::Event]| events.last().unwrap().data["payload"]["content"].clone();
        assert_eq!(last(&repeated)["result"], last(&told)["result"]);
        assert_eq!(last(&repeated)["telemetry"]["idempotent_replay"], true);
    });
}
