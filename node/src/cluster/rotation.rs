//! Looks after the node's certificate.

use std::sync::Arc;
use std::time::Duration;

use atp_actors::metrics::Meter;
use tracing::{info, warn};

use crate::identity::{Look, Rotating};

/// How often the node's directory is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// From how many days left on a certificate is warned of, once a day.
const SOON_DAYS: u64 = 14;

/// Takes renewed credentials as they come, for connections made from then on.
pub(super) async fn keep(identity: Arc<Rotating>, meter: Arc<Meter>) {
    let mut warned = None;
    loop {
        let left = identity.current().days_left();
        meter.certificate_days_left(left);
        if left <= SOON_DAYS && warned.replace(left) != Some(left) {
            warn!(
                days = left,
                "the node's certificate expires soon; renew it with atpctl cluster join"
            );
        }
        match identity.look() {
            Look::Same => {}
            Look::Renewed(credentials) => info!(days = credentials.days_left(), "certificate renewed"),
            Look::Unusable(error) => {
                warn!(%error, "the node's directory cannot be used; the credentials before stay in use")
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
