//! What all spans have in common.

/// A span with its parent named.
macro_rules! span {
    ($level:ident, $parent:expr, $name:literal, $($fields:tt)*) => {
        tracing::span!(target: $crate::spans::TARGET, parent: $parent, tracing::Level::$level, $name, $($fields)*)
    };
}

/// A span of a request, with what every such span carries.
macro_rules! of_request {
    ($level:ident, $parent:expr, $request:expr, $name:literal, $($fields:tt)*) => {
        $crate::spans::macros::span!(
            $level, $parent, $name,
            session_id = $request.session.as_str(),
            stream_id = $request.stream.as_str(),
            qos = $request.tier.as_str(),
            tenant = $request.identity.tenant.as_str(),
            $($fields)*
        )
    };
}

pub(super) use {of_request, span};
