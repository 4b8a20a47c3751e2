//! The two layouts of a payload: content in `content`, or hoisted into the payload itself (atp.md 7.1).

use std::borrow::Cow;

use super::shape::{CLONE_ID_MAX, clone_id};
use super::{Kind, Payload};
use crate::ids::{PersonaId, SessionId};
use crate::value::Value;

impl Payload<'_> {
    /// `control` with `op` naming another control type is that type.
    pub(super) fn unwrap_control(&mut self) {
        if self.name != "control" {
            return;
        }
        let holder = match &mut self.content {
            Some(Value::Object(content)) => content,
            None => &mut self.other,
            Some(_) => return,
        };
        let kind = holder.get("op").and_then(Value::as_text).and_then(Kind::parse);
        if let Some(kind) = kind.filter(|kind| kind.is_control() || *kind == Kind::Heartbeat) {
            holder.remove("op");
            self.kind = Some(kind);
        }
    }

    /// Makes the payload's own members the content where a type allows it and there is no content.
    pub(super) fn hoist(&mut self) {
        if self.content.is_some() || !self.kind.is_some_and(Kind::is_hoisted) {
            return;
        }
        let mut content = std::mem::take(&mut self.other);
        for (name, value) in self.lane_members() {
            content.push(Cow::Borrowed(name), value);
        }
        self.content = Some(Value::Object(content));
    }

    /// Lane members are visible in either place: takes those of the content that the payload itself does not have.
    /// Where they are malformed the content is, which reading it reports.
    pub(super) fn lift_lane(&mut self) {
        let may_lift = self.kind.is_some_and(Kind::is_hoisted);
        let Some(content) = self
            .content
            .as_ref()
            .and_then(Value::as_object)
            .filter(|_| may_lift)
        else {
            return;
        };
        let text = |name| content.get(name).and_then(Value::as_text);
        let int = |name| content.get(name).and_then(Value::as_u64);
        self.session_id = self
            .session_id
            .take()
            .or_else(|| SessionId::new(text("session_id")?).ok());
        self.persona_id = self
            .persona_id
            .take()
            .or_else(|| PersonaId::new(text("persona_id")?).ok());
        let clone = int("clone_id").filter(|clone| (1..=CLONE_ID_MAX).contains(clone));
        self.clone_id = self.clone_id.or_else(|| clone.map(clone_id));
        self.seq = self.seq.or_else(|| int("seq"));
    }
}
