//! What a body asks of a provider, by the call it is sent for.

use atp_actors::adapter::{Call, Form};

use crate::wire::Terms;

pub(super) fn of(call: &Call) -> Terms<'_> {
    Terms {
        model: &call.model,
        system: call.persona_prompt.as_deref(),
        is_stream: call.request.wants_stream,
        max_output_tokens: call.max_output_tokens,
        seed: call.diversity_seed,
        is_single: call.form == Form::Read,
    }
}
