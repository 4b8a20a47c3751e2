//! Names and help texts.

use metrics::{KeyName, Metadata, Recorder, Unit};

/// What kind of series a name is.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

use Kind::{Counter, Gauge, Histogram};

/// A line for each series: name, kind, help.
macro_rules! catalogue {
    ($($name:literal $kind:ident $help:literal;)+) => {
        &[$(($name, $kind, $help)),+]
    };
}

/// (name, kind, help), by family.
const CATALOGUE: &[(&str, Kind, &str)] = catalogue! {
    "frames_rx" Counter "frames accepted, by qos and encoding";
    "frames_tx" Counter "frames sent, by kind and qos";
    "frame_bytes" Histogram "encoded size of frames in bytes, by dir and encoding";
    "frame_signature_fail_total" Counter "frames without the signature, nonce or checksum their connection requires";
    "frame_checksum_fail_total" Counter "frames whose checksum is not theirs";
    "fragment_checksum_fail_total" Counter "fragments and messages whose checksum is not theirs";
    "unknown_payload_types_total" Counter "payloads of a type this version does not know";
    "fragment_count_per_message" Histogram "fragments of each message that became complete";
    "late_fragments_dropped" Counter "fragments whose message was over";
    "fragment_conflicts_total" Counter "fragments that differ from one held under their index";
    "duplicate_messages_dropped_total" Counter "messages that had come before";
    "reassembly_inflight" Gauge "messages under reassembly";
    "reassembly_bytes" Gauge "bytes under reassembly or waiting for an earlier message";
    "lanes_active" Gauge "lanes of open streams that received something";
    "acks_tx" Counter "fragment positions newly acknowledged";
    "retransmit_requests" Counter "fragments found missing, at each look";
    "retransmit_frames_total" Counter "fragments and messages asked for again";
    "buffer_wait_ms" Histogram "how long a lane waited for a missing message";
    "heartbeats_tx" Counter "heartbeats sent, answers included";
    "heartbeats_rx" Counter "heartbeats received, answers included";
    "heartbeats_missed_total" Counter "peers that fell silent";
    "replay_reject_total" Counter "frames refused because their nonce was seen or their time is off";
    "atp_errors_total" Counter "errors told to callers, by wire code and scope";
    "fsm_ignored_events_total" Counter "inputs that a state machine had no place for, by fsm and event";
    "request_latency_ms" Histogram "request accepted to final, by qos and outcome";
    "time_to_first_chunk_ms" Histogram "request accepted to first chunk, by qos and adapter";
    "adapter_health_looks_total" Counter "times it was looked how an adapter is, by: adapter, gossip";
    "fib_rebuilds_total" Counter "times the tables of candidates were made anew";
    "decision_us" Histogram "time to plan a request, in microseconds";
    "atp_router_requests_total" Counter "requests accepted";
    "atp_router_active_connections" Gauge "client connections open";
    "sessions_active" Gauge "sessions live";
    "streams_active" Gauge "streams live, by state";
    "parallel_sessions_active" Gauge "parallel sessions not yet ended";
    "dispatch_targets_total" Counter "lanes sent to adapters";
    "resumes_total" Counter "streams that a client came back to";
    "resume_failures_total" Counter "clients that came back in vain: the token is unknown, used or expired";
    "idempotent_replays_total" Counter "requests answered from the one before under the same idempotency key";
    "rate_limit_dropped_total" Counter "calls refused for coming too often, by scope";
    "budget_remaining_tokens" Gauge "tokens that a tenant's account has left, by tenant";
    "budget_remaining_usd_micros" Gauge "micro-dollars that a tenant's account has left, by tenant";
    "budget_burn_rate_usd_per_min" Gauge "dollars settled per minute over five minutes, by tenant";
    "budget_holds_total" Counter "holds taken";
    "budget_refusals_total" Counter "holds refused, by component";
    "budget_settlements_total" Counter "holds settled, by source of the usage figure";
    "budget_overrun_usd_micros_total" Counter "micro-dollars used above a hold with no room left, by tenant";
    "budget_lost_settlements_total" Counter "holds that were gone before they were settled, so that their usage was not charged; must stay 0";
    "budget_invariant_violations_total" Counter "times settled plus held exceeded a limit; must stay 0";
    "budget_leases" Gauge "accounts that the node has a lease of";
    "budget_leases_lapsed" Gauge "leases that are not spent from because their home has not renewed them";
    "budget_lease_free_tokens" Gauge "tokens leased of limited accounts and neither spent nor held";
    "budget_lease_free_usd_micros" Gauge "micro-dollars leased of limited accounts and neither spent nor held";
    "budget_lease_waiting" Gauge "requests that wait for the home of their account";
    "budget_lease_waits_total" Counter "requests that had to wait for the home of their account";
    "budget_lease_grants_total" Counter "grants asked of homes, by outcome: granted, refused, unanswered";
    "budget_lease_reports_total" Counter "reports of usage made to homes";
    "journal_appends_total" Counter "records written to the journals of the ledger and of leases";
    "cost_usd_total_qos_gold" Counter "micro-dollars spent by gold requests";
    "cost_usd_total_qos_silver" Counter "micro-dollars spent by silver requests";
    "cost_usd_total_qos_bronze" Counter "micro-dollars spent by bronze requests";
    "router_estimate_tokens" Histogram "tokens a request is expected to use, all lanes";
    "router_estimate_usd_micros" Histogram "micro-dollars a request is expected to use, all lanes";
    "router_estimate_mape_tokens" Histogram "error of a request's token estimate, relative to what it used";
    "router_estimate_mape_usd" Histogram "error of a request's cost estimate, relative to what it used";
    "router_estimate_under_rate_tokens_total" Counter "requests that used more tokens than estimated";
    "router_estimate_under_rate_usd_total" Counter "requests that cost more than estimated";
    "adapter_estimate_mape_tokens" Histogram "error of a lane's token estimate, by adapter";
    "adapter_estimate_mape_usd" Histogram "error of a lane's cost estimate, by adapter";
    "estimate_fallback_total" Counter "estimates asked of an adapter and not given in time, by adapter";
    "fair_q_depth_gold" Gauge "gold requests waiting for a slot";
    "fair_q_depth_silver" Gauge "silver requests waiting for a slot";
    "fair_q_depth_bronze" Gauge "bronze requests waiting for a slot";
    "fair_sched_enqueued_total" Counter "requests that had to wait, by qos";
    "fair_sched_dequeued_total" Counter "requests that waited and got a slot, by qos";
    "fair_sched_grants_total" Counter "slots granted, by qos";
    "fair_sched_dropped_total" Counter "requests that got no slot in time or no place in the queue, by qos";
    "fair_sched_wait_ms" Histogram "time in the queue, by qos";
    "fair_sched_wait_max_ms" Gauge "longest wait of a grant in the last minute";
    "fair_sched_weighted_sessions" Gauge "sessions whose weight is not 1";
    "starvation_events_total" Counter "grants out of turn because the wait was too long, by qos";
    "fair_sched_starvation_boost_total" Counter "weights raised after such a grant, by qos";
    "jains_index" Gauge "fairness among sessions of a tier, by qos; of the least fair arbiter in ten seconds";
    "preemptions_total" Counter "requests preempted, by qos of the victim";
    "reconciliation_strategy_counts" Counter "answers made, by strategy";
    "strategy_switch_total" Counter "times the adaptive strategy of a policy became another one, by from and to";
    "streaming_reconcile_sessions_total" Counter "sessions that showed a merged result before all lanes had ended";
    "arbiter_invocations_total" Counter "times an arbiter was asked";
    "agreement_pct" Histogram "agreement of lanes, on findings or words, 0 to 1";
    "finding_agreement_pct" Histogram "agreement of findings, 0 to 1";
    "disagreement_regions_avg" Histogram "uncertainties left in an answer of several lanes";
    "router_consensus_confidence" Gauge "mean confidence of answers of several lanes in the last minute, 0 to 1";
    "escalations_total" Counter "better lanes asked, by reason";
    "escalations_withheld_total" Counter "better lanes that were not asked, by reason and because: uneconomic, storm";
    "escalation_storms_total" Counter "times so many requests escalated that only hard reasons counted";
    "adapters_registered" Gauge "adapters known";
    "non_compliant_adapters" Gauge "adapters that failed the compliance probe";
    "adapter_health_updates" Counter "health reports of adapters";
    "circuits_open" Gauge "breakers open or half open";
    "window_overrides_applied" Counter "windows that agents narrowed by what they suggest";
    "agent_status_changes_total" Counter "changes of an agent's readiness, by status";
    "pauses_honored_total" Counter "pauses of agents whose grace time ended";
    "agent_burst_capped_total" Counter "calls that came too fast for their agent, by outcome: waited, refused";
    "window_update_tx" Counter "windows told to clients, by reason";
    "window_denied_parallel_total" Counter "streams and lanes for which a window had no call free, by level";
    "window_denied_tokens_total" Counter "streams and lanes for which a window had not enough tokens, by level";
    "window_denied_usd_total" Counter "streams and lanes for which a window had not enough money, by level";
    "router_windows_admit_total" Counter "streams admitted to their session's window";
    "router_windows_reject_total" Counter "streams refused because their session's window is full or too small";
    "flow_window_current" Gauge "mean adaptive window of sessions, in calls";
    "flow_window_size" Histogram "a session's adaptive window at each decision, in calls";
    "aimd_add_factor" Gauge "calls that success adds to a session's window";
    "aimd_mult_factor" Gauge "what failure leaves of a session's window";
    "pid_parameter_updates_total" Counter "times the tuner reconsidered these";
    "pid_error_magnitude" Histogram "how far latency, throughput and errors of a minute were off, as shares of what is wanted";
    "flow_window_adjustments_total" Counter "adaptive windows of sessions that changed";
    "flow_window_pruned_total" Counter "adaptive windows forgotten because their session was idle";
    "flow_active_sessions" Gauge "sessions with an adaptive window";
    "flow_active_streams" Gauge "streams admitted to the window of their session";
    "flow_window_utilization_pct" Gauge "calls outstanding as a percentage of all adaptive windows";
    "queue_high_watermark_events_total" Counter "times the waits of a tier became too long, by qos";
    "router_qos_drops_bronze_total" Counter "bronze requests refused while queues were long";
    "ecn_mark_total" Counter "frames sent with a congestion mark";
    "ecn_reactions_total" Counter "congestion marks that narrowed a session's window";
    "budget_spike_events_total" Counter "sessions that suddenly spent much faster than before";
    "budget_ewma_value" Gauge "highest average burn rate of a session in the last minute, in dollars per minute";
    "budget_z_score" Gauge "highest deviation of a session's burn rate in the last minute";
    "budget_spike_threshold" Gauge "deviation from which on a burn rate is a spike";
    "persona_reputation_score" Gauge "what is thought of a persona, 0 to 1, by persona";
    "link_connections" Gauge "connections to and from members, by lane";
    "link_requests_in_flight" Gauge "requests to members that wait for their answer, by lane";
    "link_bytes_total" Counter "bytes of frames on the link, by lane and dir";
    "link_rtt_us" Histogram "way to a member and back in microseconds, of pings, by lane";
    "link_refusals_total" Counter "requests of members that were refused, by lane and code; those of services count as service";
    "gossip_members_alive" Gauge "members whose heartbeats arrive, this node included";
    "gossip_deaths_total" Counter "times a member was taken for dead";
    "gossip_messages_total" Counter "messages of gossip, by dir: in, out, lost";
    "raft_leads" Gauge "1 while this node leads the group, by group";
    "raft_has_leader" Gauge "1 while this node knows of a leader of the group, by group";
    "raft_term" Gauge "term of the group, by group";
    "raft_applied_index" Gauge "index of the last entry applied here, by group";
    "raft_unapplied_entries" Gauge "entries in the log here that are not applied, by group";
    "raft_snapshot_index" Gauge "index up to which the last snapshot here reaches, by group";
    "raft_leader_changes_total" Counter "times the group had another leader, as seen here once a second, by group";
    "relay_requests_total" Counter "requests carried to the owner of their session, by outcome: answered, failed";
    "relay_latency_us" Histogram "from a relayed request to the head of its reply, in microseconds";
    "certificate_days_left" Gauge "whole days until the node's certificate for the link ends";
    "settings_version" Gauge "state of the cluster's settings that is in force here; the highest of all members is the latest";
    "audit_records_total" Counter "records written to the audit log";
    "audit_records_lost_total" Counter "records the audit log had no room or no disk for; the log says so too";
    "decision_records_total" Counter "decisions of requests put on record in the journal groups";
    "decision_records_lost_total" Counter "decisions there was no room for, or that no group took; the chain of the tenant says so too";
    "actor_restarts_total" Counter "actors started anew after they ended, by actor";
    "actor_panics_total" Counter "panics caught at the edge of an actor";
};

/// Tells `recorder` the help text of every series.
pub fn describe(recorder: &dyn Recorder) {
    for &(name, kind, help) in CATALOGUE {
        let unit = name.ends_with("_ms").then_some(Unit::Milliseconds);
        let key = KeyName::from_const_str(name);
        match kind {
            Counter => recorder.describe_counter(key, unit, help.into()),
            Gauge => recorder.describe_gauge(key, unit, help.into()),
            Histogram => recorder.describe_histogram(key, unit, help.into()),
        }
    }
}

/// Where series are registered; required by the recorder's interface, of no consequence here.
pub(super) const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), metrics::Level::INFO, Some(module_path!()));

/// Whether a name is in the catalogue.
pub(super) fn is_known(name: &str) -> bool {
    CATALOGUE.iter().any(|entry| entry.0 == name)
}
