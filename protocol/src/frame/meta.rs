//! Task metadata, `meta` (atp.md 3.3).

use crate::error::Fault;
use crate::frame::check::{Check, fault};
use crate::limits::Limits;
use crate::request::{PersonaRequest, TaskMeta};
use crate::value::{Malformed, Object, Value, json};

/// Longest deadline a client may ask for, in milliseconds.
pub const DEADLINE_MS_MAX: u64 = 3_600_000;

/// Most clones of one persona a request may ask for.
const CLONES_MAX: u32 = 8;

/// Checked metadata: the listed members have the listed types. Others are kept, for policy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meta<'a>(Object<'a>);

impl<'a> Meta<'a> {
    /// Members of `meta` with a meaning of their own; everything else is policy's.
    pub const MEMBERS: &'static [&'static str] = &[
        "task_type",
        "languages",
        "risk",
        "data_scope",
        "trace",
        "tool_permissions",
        "environment_id",
        "security_groups",
        "idempotency_key",
        "deadline_ms",
        "causal",
        "personas",
        "expose_lanes",
        "reconciliation",
    ];

    /// Checks the member `meta` of a frame of `frame_bytes`; the size of `meta` is only measured if it can be too large.
    ///
    /// # Errors
    /// `EPROTO` of the frame, naming the member at fault.
    pub(super) fn read(value: Value<'a>, frame_bytes: usize, limits: &Limits) -> Result<Self, Fault> {
        let whole = Check {
            within: "",
            name: "meta",
            value: &value,
        };
        for (name, value) in whole.object()?.iter().filter(|(_, value)| **value != Value::Null) {
            check(
                Check {
                    within: "meta.",
                    name,
                    value,
                },
                limits,
            )?;
        }
        if value.holds_bytes() {
            return Err(whole.fault(Malformed::Bytes));
        }
        if frame_bytes > limits.meta_bytes
            && json::text(&value).is_ok_and(|text| text.len() > limits.meta_bytes)
        {
            return Err(whole.fault(format_args!("at most {} bytes as JSON", limits.meta_bytes)));
        }
        match value {
            Value::Object(object) => Ok(Self(object)),
            _ => Err(fault("", "meta", "must be an object")),
        }
    }

    /// The members.
    #[must_use]
    pub const fn members(&self) -> &Object<'a> {
        &self.0
    }

    /// Time left for the stream in milliseconds, 1 to [`DEADLINE_MS_MAX`].
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.0.get("deadline_ms").and_then(Value::as_u64)
    }

    /// What policy matches on. `deadline_ms` and `causal` are not part of it.
    #[must_use]
    pub fn task(&self) -> TaskMeta {
        let text = |name: &str| self.0.get(name).and_then(Value::as_text).map(str::to_owned);
        let list = |name: &str| -> Vec<String> {
            let array = self.0.get(name).and_then(Value::as_array).unwrap_or_default();
            array
                .iter()
                .filter_map(Value::as_text)
                .map(str::to_owned)
                .collect()
        };
        let trace = self.0.get("trace").and_then(Value::as_object);
        TaskMeta {
            task_type: text("task_type"),
            languages: list("languages"),
            risk: text("risk"),
            data_scope: list("data_scope"),
            tool_permissions: list("tool_permissions"),
            environment_id: text("environment_id"),
            security_groups: list("security_groups"),
            idempotency_key: text("idempotency_key"),
            traceparent: trace
                .and_then(|trace| trace.get("traceparent"))
                .and_then(Value::as_text)
                .map(str::to_owned),
            personas: self
                .0
                .present("personas")
                .and_then(|value| value.read().ok())
                .unwrap_or_default(),
            expose_lanes: self.0.get("expose_lanes") == Some(&Value::Bool(true)),
            reconciliation: text("reconciliation"),
            other: self
                .0
                .iter()
                .filter(|(name, _)| !Self::MEMBERS.contains(name))
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect(),
        }
    }

    /// The metadata of work that did not arrive as a frame.
    #[must_use]
    pub fn from_task(task: &TaskMeta, deadline_ms: u64) -> Meta<'static> {
        let mut members = Object::new();
        for (name, text) in [
            ("task_type", &task.task_type),
            ("risk", &task.risk),
            ("environment_id", &task.environment_id),
            ("idempotency_key", &task.idempotency_key),
            ("reconciliation", &task.reconciliation),
        ] {
            if let Some(text) = text {
                members.set(name, text.clone());
            }
        }
        for (name, list) in [
            ("languages", &task.languages),
            ("data_scope", &task.data_scope),
            ("tool_permissions", &task.tool_permissions),
            ("security_groups", &task.security_groups),
        ] {
            if !list.is_empty() {
                members.set(name, list.clone());
            }
        }
        if let Some(traceparent) = &task.traceparent {
            members.set(
                "trace",
                [("traceparent", traceparent.clone())]
                    .into_iter()
                    .collect::<Object<'_>>(),
            );
        }
        if !task.personas.is_empty() {
            members.set("personas", Value::of(&task.personas));
        }
        if task.expose_lanes {
            members.set("expose_lanes", true);
        }
        members.set("deadline_ms", deadline_ms.clamp(1, DEADLINE_MS_MAX));
        for (name, value) in &task.other {
            members.set(name.clone(), value.clone());
        }
        Meta(members)
    }

    /// The same metadata, owning all text.
    #[must_use]
    pub fn into_owned(self) -> Meta<'static> {
        Meta(self.0.into_owned())
    }

    pub(super) fn into_value(self) -> Value<'a> {
        Value::Object(self.0)
    }
}

fn check(member: Check<'_, '_>, limits: &Limits) -> Result<(), Fault> {
    match member.name {
        "task_type" | "risk" | "environment_id" | "reconciliation" => member.text().map(drop),
        "languages" | "data_scope" | "tool_permissions" | "security_groups" => texts(member, limits),
        "idempotency_key" => match member.text()?.len() {
            1..=128 => Ok(()),
            _ => Err(member.fault("must have 1 to 128 bytes")),
        },
        "deadline_ms" => member.int(1..=DEADLINE_MS_MAX).map(drop),
        "causal" => match member
            .object()?
            .iter()
            .all(|(_, tag)| matches!(tag, Value::Int(_) | Value::Uint(_)))
        {
            true => Ok(()),
            false => Err(member.fault("must hold integers")),
        },
        "personas" => personas(member, limits),
        "expose_lanes" => match member.value {
            Value::Bool(_) => Ok(()),
            _ => Err(member.fault("must be true or false")),
        },
        _ => Ok(()),
    }
}

fn texts(member: Check<'_, '_>, limits: &Limits) -> Result<(), Fault> {
    let list = member.array()?;
    if list.len() > limits.list_members {
        return Err(member.fault(format_args!("at most {} members", limits.list_members)));
    }
    match list.iter().all(|text| {
        text.as_text()
            .is_some_and(|text| text.len() <= limits.list_member_bytes)
    }) {
        true => Ok(()),
        false => Err(member.fault(format_args!(
            "must hold strings of at most {} bytes",
            limits.list_member_bytes
        ))),
    }
}

fn personas(member: Check<'_, '_>, limits: &Limits) -> Result<(), Fault> {
    if member.array()?.len() > limits.list_members {
        return Err(member.fault(format_args!("at most {} members", limits.list_members)));
    }
    let personas: Vec<PersonaRequest> = member.value.read().map_err(|error| member.fault(error))?;
    let is_sound = |persona: &PersonaRequest| {
        (1..=CLONES_MAX).contains(&persona.count) && persona.weight.is_none_or(|weight| weight >= 0.0)
    };
    match personas.iter().all(is_sound) {
        true => Ok(()),
        false => Err(member.fault(format_args!(
            "count must be 1 to {CLONES_MAX}, weight not negative"
        ))),
    }
}
