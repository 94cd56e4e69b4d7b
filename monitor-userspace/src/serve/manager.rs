//! What the service manager is told (sd_notify(3)); nothing where there is none.

use sd_notify::NotifyState;

use crate::agent::Desk;

/// The service answers, and this is how it is.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again.
pub(super) fn reloading() {
    let now = NotifyState::monotonic_usec_now().ok();
    let states: Vec<NotifyState<'_>> = [NotifyState::Reloading].into_iter().chain(now).collect();
    tell(&states);
}

/// Tells it again and again that the service works, for ever: as long as the engine answers. A service manager
/// that does not hear it in time starts the service again.
pub(super) async fn watchdog(desk: Desk) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    while desk.view().await.is_ok() {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(limit / 3).await;
    }
}

/// The service ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager does not listen: {error}");
    }
}
