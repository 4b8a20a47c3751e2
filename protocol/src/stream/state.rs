//! The life of a stream as a table (atp.md 9.2).

/// Where a stream stands. A stream nobody opened is `Idle` and takes no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Not open.
    Idle,
    /// Both sides may send.
    Open,
    /// The peer will send no more.
    HalfClosedRemote,
    /// We will send no more.
    HalfClosedLocal,
    /// The connection was lost; lanes go on, output is buffered.
    Suspended,
    /// Both sides have finished.
    Closed,
    /// Aborted.
    Reset,
}

/// What happens to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// A SYN came and was admitted, or we sent one.
    Opened,
    /// `agent.request` came without SYN, on a connection without hello.
    ImpliedOpen,
    /// Any other frame came.
    Received,
    /// The peer's FIN is delivered.
    RemoteFin,
    /// We sent FIN, with the final or because the stream is idle.
    LocalFin,
    /// `fin_wait_ms` is over: the peer will not send its FIN.
    FinWaitOver,
    /// RST came or was sent.
    Reset,
    /// The connection is lost, and `resume` is agreed.
    Detached,
    /// A resume was accepted.
    Resumed,
    /// `resume_ttl_ms` is over.
    ResumeOver,
}

/// What is to be done about an input that changes no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Answer RST `EPROTO`: no such stream.
    Unknown,
    /// Drop it: the stream is over, or the input means nothing here.
    Drop,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::Open,
        Self::HalfClosedRemote,
        Self::HalfClosedLocal,
        Self::Suspended,
        Self::Closed,
        Self::Reset,
    ];

    /// The state after `input`.
    ///
    /// # Errors
    /// [`Refusal`]; the state stays.
    pub const fn on(self, input: Input) -> Result<Self, Refusal> {
        use Input as I;
        match (self, input) {
            (Self::Idle, I::Opened | I::ImpliedOpen) => Ok(Self::Open),
            (Self::Idle, I::Received) => Err(Refusal::Unknown),
            (Self::Open | Self::HalfClosedRemote | Self::HalfClosedLocal, I::Received | I::Opened) => {
                Ok(self)
            }
            (Self::Open, I::RemoteFin) => Ok(Self::HalfClosedRemote),
            (Self::Open, I::LocalFin) => Ok(Self::HalfClosedLocal),
            (Self::HalfClosedRemote, I::LocalFin)
            | (Self::HalfClosedLocal, I::RemoteFin | I::FinWaitOver) => Ok(Self::Closed),
            (Self::Open | Self::HalfClosedRemote | Self::HalfClosedLocal | Self::Suspended, I::Reset) => {
                Ok(Self::Reset)
            }
            // Half-closed streams too: a final that was sent may not have arrived. Resuming repeats the FINs there were.
            (Self::Open | Self::HalfClosedRemote | Self::HalfClosedLocal, I::Detached) => Ok(Self::Suspended),
            (Self::Suspended, I::Resumed) => Ok(Self::Open),
            (Self::Suspended, I::ResumeOver) => Ok(Self::Reset),
            // A client without hello never sends FIN; its next request on the stream must not be lost.
            (Self::HalfClosedLocal | Self::Closed | Self::Reset, I::ImpliedOpen) => Ok(Self::Open),
            (Self::Open | Self::HalfClosedRemote, I::ImpliedOpen) => Ok(self),
            // What the table does not name means nothing in that state.
            _ => Err(Refusal::Drop),
        }
    }

    /// Whether we may still send sequenced messages.
    #[must_use]
    pub const fn can_send(self) -> bool {
        matches!(self, Self::Open | Self::HalfClosedRemote | Self::Suspended)
    }

    /// Whether the stream counts as open.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Open | Self::HalfClosedRemote | Self::HalfClosedLocal | Self::Suspended
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: [Input; 10] = [
        Input::Opened,
        Input::ImpliedOpen,
        Input::Received,
        Input::RemoteFin,
        Input::LocalFin,
        Input::FinWaitOver,
        Input::Reset,
        Input::Detached,
        Input::Resumed,
        Input::ResumeOver,
    ];

    fn run(inputs: &[Input]) -> State {
        inputs
            .iter()
            .fold(State::Idle, |state, &input| state.on(input).unwrap_or(state))
    }

    #[test]
    fn both_fins_close_in_either_order() {
        assert_eq!(
            run(&[Input::Opened, Input::RemoteFin, Input::LocalFin]),
            State::Closed
        );
        assert_eq!(
            run(&[Input::Opened, Input::LocalFin, Input::RemoteFin]),
            State::Closed
        );
        assert_eq!(
            run(&[Input::Opened, Input::LocalFin, Input::FinWaitOver]),
            State::Closed
        );
    }

    #[test]
    fn an_unknown_stream_is_refused_and_a_dead_one_is_silent() {
        assert_eq!(State::Idle.on(Input::Received), Err(Refusal::Unknown));
        for dead in [State::Closed, State::Reset] {
            for input in INPUTS {
                let wanted = match input {
                    Input::ImpliedOpen => Ok(State::Open),
                    _ => Err(Refusal::Drop),
                };
                assert_eq!(dead.on(input), wanted);
            }
        }
    }

    #[test]
    fn a_suspended_stream_comes_back_or_is_reset() {
        let suspended = run(&[Input::Opened, Input::Detached]);
        assert_eq!(suspended, State::Suspended);
        assert_eq!(suspended.on(Input::Resumed), Ok(State::Open));
        assert_eq!(suspended.on(Input::ResumeOver), Ok(State::Reset));
    }

    #[test]
    fn only_an_open_reaches_an_open_state_from_idle() {
        for input in INPUTS {
            let opens = matches!(input, Input::Opened | Input::ImpliedOpen);
            assert_eq!(State::Idle.on(input).is_ok(), opens);
        }
    }
}
