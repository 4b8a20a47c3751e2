//! What goes wrong with a group, as clients are told.

use atp_consensus::group::{ProposeError, ReadError};
use atp_protocol::error::{Code, Fault, Row};

/// Nothing was done, and may be if it is asked again.
const NO_QUORUM: Row = Row {
    status: 503,
    error: "no_quorum",
    slug: "no-quorum",
    message: "the group has no leader that can be reached",
    hint: "repeat the request after a moment, here or at another node; `atpctl cluster status` tells who is missing",
    ..*Code::Internal.row()
};

/// It may have been done.
const UNKNOWN: Row = Row {
    status: 503,
    error: "outcome_unknown",
    slug: "outcome-unknown",
    message: "it is not known whether the change was made",
    hint: "look whether it was, or repeat it: what is there already stays as it is",
    ..*Code::Internal.row()
};

/// Nothing was done, as some members would not understand it.
const NOT_YET: Row = Row {
    status: 409,
    error: "upgrade_first",
    slug: "upgrade-first",
    message: "not every member of the cluster runs a release that knows this",
    hint: "upgrade all members; `atpctl cluster status` tells what each reads",
    ..*Code::Internal.row()
};

/// How soon to try again, in milliseconds: an election takes about as long.
const RETRY_MS: u64 = 500;

/// Nothing was done for want of a leader.
pub(super) fn later(why: String) -> Fault {
    Fault::new(Code::Internal, why)
        .told(&NO_QUORUM)
        .retry_after(RETRY_MS)
}

/// It may have been done.
pub(super) fn unknown(why: String) -> Fault {
    Fault::new(Code::Internal, why)
        .told(&UNKNOWN)
        .retry_after(RETRY_MS)
}

/// Of a proposal.
pub(crate) fn propose(error: &ProposeError) -> Fault {
    let fault = Fault::new(Code::Internal, error.to_string());
    match error {
        ProposeError::Overloaded | ProposeError::NotLeader { .. } => {
            fault.told(&NO_QUORUM).retry_after(RETRY_MS)
        }
        ProposeError::OutcomeUnknown { .. } => fault.told(&UNKNOWN).retry_after(RETRY_MS),
        ProposeError::NotYet { .. } => fault.told(&NOT_YET),
        ProposeError::NoCommand(_) => fault.terminal(),
        ProposeError::TooLarge { .. } => Fault::new(Code::TooBig, error.to_string()),
        ProposeError::Stopped(_) => fault.terminal(),
    }
}

/// Of a read.
pub(crate) fn read(error: &ReadError) -> Fault {
    let fault = Fault::new(Code::Internal, error.to_string());
    match error {
        ReadError::NotLeader { .. } | ReadError::TooLate => fault.told(&NO_QUORUM).retry_after(RETRY_MS),
        ReadError::Stopped(_) => fault.terminal(),
    }
}
