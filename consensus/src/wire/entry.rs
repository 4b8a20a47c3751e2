//! Entries of a log.

use std::sync::Arc;

use openraft::EntryPayload;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{LogIdForm, MembershipForm};
use crate::types::{Batch, Entry, Ticket};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EntryForm {
    id: LogIdForm,
    payload: PayloadForm,
}

#[derive(Debug, Serialize, Deserialize)]
enum PayloadForm {
    Blank,
    Commands {
        proposed_at_us: u64,
        commands: Arc<[ByteBuf]>,
    },
    Membership(MembershipForm),
}

impl From<&Entry> for EntryForm {
    fn from(entry: &Entry) -> Self {
        let payload = match &entry.payload {
            EntryPayload::Blank => PayloadForm::Blank,
            EntryPayload::Normal(batch) => PayloadForm::Commands {
                proposed_at_us: batch.proposed_at_us,
                commands: Arc::clone(&batch.commands),
            },
            EntryPayload::Membership(membership) => PayloadForm::Membership(membership.into()),
        };
        Self {
            id: entry.log_id.into(),
            payload,
        }
    }
}

impl From<EntryForm> for Entry {
    fn from(form: EntryForm) -> Self {
        let payload = match form.payload {
            PayloadForm::Blank => EntryPayload::Blank,
            PayloadForm::Commands {
                proposed_at_us,
                commands,
            } => EntryPayload::Normal(Batch {
                proposed_at_us,
                commands,
                ticket: Ticket::default(),
            }),
            PayloadForm::Membership(membership) => EntryPayload::Membership(membership.into()),
        };
        Self {
            log_id: form.id.into(),
            payload,
        }
    }
}
