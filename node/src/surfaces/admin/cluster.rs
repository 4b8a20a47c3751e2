//! `GET /v1/admin/cluster`: members and groups. `PUT` and `DELETE /v1/admin/cluster/members/{node}`: who is a member; `PUT …/drain`: whether it
//! takes work.

use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use atp_consensus::group::{MemberStatus, Role, Status};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::Heard;
use crate::gossip::Health;
use crate::identity::Address;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::{Surface, body, reply};

/// As this node sees it.
pub(super) async fn get(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        Ok(shown(&surface))
    };
    reply::answer(&surface, &correlation, result.await)
}

fn shown(surface: &Surface) -> Value {
    let cluster = &surface.meta.cluster;
    let heard = cluster.heard();
    let status = surface.meta.status();
    let groups = cluster.groups.statuses();
    let leads = |node: NodeId| groups.iter().filter(|group| group.leader == Some(node)).count();
    let members: Vec<Value> = cluster.meta.read(|meta| {
        let members = meta.cluster().members().map(|(node, member)| {
            let heard = heard.get(&node);
            json!({
                "node": node,
                "name": member.name,
                "link": member.link,
                "api": member.api,
                "draining": member.is_draining,
                "reads": member.reads,
                "leads": leads(node),
                "reached": cluster.is_reached(node),
                "alive": heard.is_some_and(|heard| heard.is_alive),
                "standing": heard.filter(|heard| heard.is_alive).map(standing),
            })
        });
        members.collect()
    });
    json!({
        "cluster": cluster.place.cluster,
        "cluster_version": cluster.meta.read(|meta| meta.cluster().version()),
        "node": cluster.node(),
        "ready": status.is_ready(),
        "draining": status.draining,
        "streams": surface.router.shared.load.streams(),
        "members": members,
        "groups": groups.iter().map(group).collect::<Vec<_>>(),
    })
}

fn standing(heard: &Heard) -> Value {
    let Heard { facts, clock_ms, .. } = heard;
    let lanes = facts.lanes.iter().map(|lane| {
        json!({
            "to": lane.to,
            "lane": lane.lane,
            "up": lane.is_up,
            "rtt_us": lane.rtt_us,
            "trouble": lane.trouble,
        })
    });
    json!({
        "version": facts.version,
        "ready": facts.health == Health::Ready,
        "draining": facts.is_draining,
        "policy_version": facts.policy_version,
        "settings_version": facts.settings_version,
        "applied_index": facts.applied,
        "streams": facts.streams,
        "load": facts.load,
        "clock_ms": clock_ms,
        "certificate_days_left": facts.certificate_days_left,
        "leaderless": facts.leaderless.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "lanes": lanes.collect::<Vec<_>>(),
    })
}

fn group(status: &Status) -> Value {
    let role = match status.role {
        Role::Learner => "learner",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
        Role::Stopped => "stopped",
    };
    json!({
        "group": status.group.to_string(),
        "role": role,
        "leader": status.leader,
        "term": status.term,
        "last_log": status.last_log,
        "applied_index": status.applied,
        "snapshot": status.snapshot,
        "members": status.members.iter().map(member).collect::<Vec<_>>(),
        "fault": status.fault,
    })
}

fn member(member: &MemberStatus) -> Value {
    json!({ "node": member.node, "link": member.address, "voter": member.voter, "matched": member.matched })
}

/// What is said of a node that is to become a member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Where its link listens.
    link: Address,
    name: Option<String>,
}

/// Takes a node in. It is a member when this returns; the groups follow, which `GET` shows.
pub(super) async fn add(request: HttpRequest, node: Path<String>, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let node = numbered(&node)?;
        let wanted: Wanted = body::wish(&surface, &request, payload, "member").await?;
        let name = wanted.name.unwrap_or_else(|| format!("node-{node}"));
        surface
            .meta
            .cluster
            .add_member(node, name, wanted.link.to_string())
            .await?;
        Ok(shown(&surface))
    };
    reply::answer(&surface, &correlation, result.await)
}

/// Takes a node out for good: its number is never used again, and what it held of accounts is charged as unknown.
pub(super) async fn remove(request: HttpRequest, node: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        surface.meta.cluster.remove_member(numbered(&node)?).await?;
        Ok(shown(&surface))
    };
    reply::answer(&surface, &correlation, result.await)
}

/// Whether a member takes work.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drain {
    draining: bool,
}

/// Has a member give its work away, or take work again. It is agreed on when this returns; `GET` shows how far the member is.
pub(super) async fn drain(request: HttpRequest, node: Path<String>, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let node = numbered(&node)?;
        let wanted: Drain = body::wish(&surface, &request, payload, "drain").await?;
        surface.meta.set_drain(node, wanted.draining).await?;
        Ok(shown(&surface))
    };
    reply::answer(&surface, &correlation, result.await)
}

fn numbered(node: &str) -> Result<NodeId, Fault> {
    node.parse()
        .map_err(|error| Fault::new(Code::BadInput, format!("{node}: {error}")))
}
