//! `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.

use std::time::{Duration, UNIX_EPOCH};

use atp_protocol::units::UnixMillis;
use http::HeaderMap;
use http::header::RETRY_AFTER;

/// Longest wait believed, in milliseconds: an hour. Beyond it the breaker and the policy decide.
const MAX_MS: u64 = 3_600_000;

/// The wait asked for, in milliseconds; `None` if there is none that can be read. A date in the past is no wait.
///
/// `retry-after-ms`, which some providers add, is finer and goes first.
pub(super) fn retry_after_ms(headers: &HeaderMap, now: UnixMillis) -> Option<u64> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let millis = || {
        text("retry-after-ms")?
            .parse::<f64>()
            .ok()
            .filter(|ms| *ms >= 0.0)
    };
    if let Some(ms) = millis() {
        return Some((ms.ceil() as u64).min(MAX_MS));
    }
    let wait = text(RETRY_AFTER.as_str())?;
    if let Some(seconds) = wait.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0) {
        return Some(((seconds * 1_000.0).ceil() as u64).min(MAX_MS));
    }
    let at = httpdate::parse_http_date(wait).ok()?;
    let now = UNIX_EPOCH + Duration::from_millis(now.0);
    let wait = at.duration_since(now).unwrap_or_default();
    Some(u64::try_from(wait.as_millis()).unwrap_or(MAX_MS).min(MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(name: &'static str, value: &'static str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_static(value));
        // Sun, 06 Nov 1994 08:49:37 GMT
        retry_after_ms(&headers, UnixMillis(784_111_777_000))
    }

    #[test]
    fn seconds_dates_and_milliseconds_are_read() {
        assert_eq!(wait("retry-after", "7"), Some(7_000));
        assert_eq!(wait("retry-after", "0.25"), Some(250));
        assert_eq!(wait("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), Some(30_000));
        assert_eq!(wait("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        assert_eq!(wait("retry-after-ms", "1200"), Some(1_200));
    }

    #[test]
    fn what_cannot_be_read_is_no_wait_and_long_waits_are_cut() {
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(wait("retry-after", "-3"), None);
        assert_eq!(wait("retry-after", "NaN"), None);
        assert_eq!(wait("x", "7"), None);
        assert_eq!(wait("retry-after", "99999999999"), Some(3_600_000));
        assert_eq!(wait("retry-after", "inf"), Some(3_600_000));
    }
}
