//! Why there is no plan.

use atp_protocol::error::{Code, Fault};

use super::consider::Field;
use super::reason::{Histogram, Reason};

/// Longest name repeated to a caller, in bytes.
const NAME_MAX: usize = 64;

/// A request that nobody will work on. A value: the caller is told, nothing broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `ENOTFOUND` for a name nobody answers to, `EBAD_INPUT` for a request that cannot be meant, `ENOROUTE` when every
    /// candidate was rejected; but `EBUDGET`, `EWINDOW`, `ECONTEXT`, `ESEC` or `EBAD_INPUT` when that was all that stood in the
    /// way.
    pub code: Code,
    /// What is specific, and what to do.
    pub detail: String,
    /// How long until trying again may help, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Trying again cannot help, whatever the code says of others.
    pub is_final: bool,
    /// Why candidates were rejected.
    pub reasons: Box<Histogram>,
}

impl Refusal {
    pub(super) fn bad_input(detail: String) -> Self {
        Self::new(Code::BadInput, detail)
    }

    /// `nearest`: a name that exists and looks alike.
    pub(super) fn not_found(name: &str, nearest: Option<&str>) -> Self {
        let name = shown(name);
        let detail = match nearest {
            Some(nearest) => format!("nothing answers to `{name}`; did you mean `{}`?", shown(nearest)),
            None => format!("nothing answers to `{name}`; name a model, persona or adapter, or `auto`"),
        };
        Self::new(Code::NotFound, detail)
    }

    pub(super) fn not_together(persona: &str) -> Self {
        let detail = format!("nobody carries out `{persona}` with the model named; name another, or `auto`");
        Self::new(Code::NotFound, detail)
    }

    /// Nothing left of the field.
    pub(super) fn no_route(policy: &str, field: &Field) -> Self {
        let considered = field.considered.len();
        if considered == 0 {
            return Self::new(
                Code::NoRoute,
                format!("policy `{}` names nobody who is attached", shown(policy)),
            );
        }
        let reasons = field.histogram();
        let unanimous = reasons.unanimous();
        let is_final = match unanimous {
            Some(Reason::Window) => !field.may_find_room,
            Some(Reason::CostCeiling) => true,
            Some(_) | None => false,
        };
        let (code, advice) = match unanimous {
            Some(Reason::Budget) => (Code::Budget, "raise the budget or ask for less"),
            Some(Reason::CostCeiling) => (Code::NoRoute, "raise what it may cost at most, or ask for less"),
            Some(Reason::Window) if is_final => (Code::Window, "raise the policy's window or ask for less"),
            Some(Reason::Window) => (Code::Window, "wait for calls to end or raise the window"),
            Some(Reason::DataScope) => (Code::Sec, "nobody may see data of these labels"),
            Some(Reason::Demand) => (
                Code::BadInput,
                "n, tool_choice or response_format ask for what it cannot give; leave them out or name another model",
            ),
            Some(Reason::ContextOverflow) => (Code::Context, "shorten the prompt or lower max_tokens"),
            Some(_) | None => (Code::NoRoute, "relax the constraints or wait"),
        };
        Self {
            code,
            detail: format!("no candidate left of {considered}: {reasons}; {advice}"),
            retry_after_ms: field.breaker_opens_ms.filter(|_| code == Code::NoRoute),
            is_final,
            reasons: Box::new(reasons),
        }
    }

    pub(super) fn too_many_required() -> Self {
        let detail =
            "the lanes that data of this scope requires do not fit the budget or window together; raise it";
        Self::new(Code::Budget, detail.to_owned())
    }

    fn new(code: Code, detail: String) -> Self {
        Self {
            code,
            detail,
            retry_after_ms: None,
            is_final: false,
            reasons: Box::default(),
        }
    }

    /// As an error for the caller.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let fault = Fault::new(self.code, self.detail.clone());
        match self.retry_after_ms {
            Some(ms) => fault.retry_after(ms),
            None if self.is_final => fault.terminal(),
            None => fault,
        }
    }
}

/// The beginning of a name, which may come from anybody and be of any length.
fn shown(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_MAX)]
}
