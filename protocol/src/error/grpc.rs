//! What a gRPC status of an adapter means (atp.md 22.4).

use super::Code;

impl Code {
    /// The code for a gRPC status number other than 0.
    ///
    /// Refused credentials become a configuration error: they are the router's, not the caller's. UNIMPLEMENTED on
    /// `Estimate` is no error at all; its caller falls back to its own estimate before asking here.
    #[must_use]
    pub const fn from_grpc(status: i32) -> Self {
        match status {
            1 => Self::Cancel,
            3 => Self::BadInput,
            4 => Self::Timeout,
            5 => Self::NotFound,
            7 | 16 => Self::Config,
            8 => Self::WindowAgent,
            14 => Self::AgentDown,
            _ => Self::Adapter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_code() {
        let codes: Vec<_> = (1..=17).map(|status| Code::from_grpc(status).as_str()).collect();
        assert_eq!(
            codes,
            [
                "ECANCEL",
                "EADAPTER",
                "EBAD_INPUT",
                "ETIMEOUT",
                "ENOTFOUND",
                "EADAPTER",
                "ECONFIG",
                "EWINDOW_AGENT",
                "EADAPTER",
                "EADAPTER",
                "EADAPTER",
                "EADAPTER",
                "EADAPTER",
                "EAGENTDOWN",
                "EADAPTER",
                "ECONFIG",
                "EADAPTER",
            ]
        );
    }
}
