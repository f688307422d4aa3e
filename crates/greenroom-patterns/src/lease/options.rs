//! How an owner of leases is described.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actor::Recipient;
use greenroom_core::channel::Sender;

use super::report::LeaseReport;

/// The description of a mutex. Made by [`mutex`](crate::mutex::mutex) and
/// [`rw_mutex`](crate::rw_mutex::rw_mutex).
#[derive(Clone, Debug)]
#[must_use = "a description does nothing until a mutex is spawned"]
pub struct LeaseOptions {
    pub(crate) name: &'static str,
    pub(crate) is_named: bool,
    pub(crate) lease_time: Option<Duration>,
    pub(crate) on_cycle: OnCycle,
    pub(crate) reports: Option<ReportTo>,
}

/// What becomes of a wait that closes a cycle between lockers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCycle {
    /// It is reported, and waits.
    ///
    /// A cycle of tasks need not be a deadlock: one of them may have given its lease to another task,
    /// or may poll other futures beside its wait.
    #[default]
    Report,
    /// It is reported, and refused with [`LockError::Cycle`](super::LockError::Cycle). The other waits
    /// of the cycle go on.
    ///
    /// For tasks that take one lease after the other, and keep them: there a cycle is a deadlock. The
    /// wait that comes last is refused, if its own mutex says so.
    Refuse,
}

/// Where reports go. Made from a channel's sender or from a recipient.
///
/// It is sent without waiting: a report for which there is no room is lost, and counted in the
/// [status](super::LeaseStatus::reports_lost).
#[derive(Clone)]
pub struct ReportTo(Arc<dyn Fn(LeaseReport) -> bool + Send + Sync>);

/// Describes an owner of leases with a name of its own.
pub(crate) const fn named(name: &'static str) -> LeaseOptions {
    LeaseOptions::new(name, true)
}

impl LeaseOptions {
    /// Describes an owner without a name, which is shown as what it is.
    pub(crate) const fn unnamed(kind: &'static str) -> Self {
        Self::new(kind, false)
    }

    const fn new(name: &'static str, is_named: bool) -> Self {
        Self {
            name,
            is_named,
            lease_time: None,
            on_cycle: OnCycle::Report,
            reports: None,
        }
    }

    /// Sets how long a lease may be held before that is [reported](LeaseReport::Overdue), once. It is
    /// not taken away. There is no such time by default.
    pub fn lease_time(mut self, time: Duration) -> Self {
        self.lease_time = Some(time);
        self
    }

    /// Sets what becomes of a wait that closes a cycle between lockers. By default it is reported.
    pub fn on_cycle(mut self, on_cycle: OnCycle) -> Self {
        self.on_cycle = on_cycle;
        self
    }

    /// Sets where reports go: a [`Sender`] of a channel, or the [`Recipient`] of an actor. By default
    /// nowhere; then ask for the status.
    ///
    /// A sender is held as long as the mutex lives, so that its channel is not closed before.
    pub fn reports(mut self, to: impl Into<ReportTo>) -> Self {
        self.reports = Some(to.into());
        self
    }
}

impl ReportTo {
    /// Sends a report. Returns whether it got there.
    pub(super) fn send(&self, report: LeaseReport) -> bool {
        (self.0)(report)
    }
}

impl From<Sender<LeaseReport>> for ReportTo {
    fn from(sender: Sender<LeaseReport>) -> Self {
        Self(Arc::new(move |report| sender.try_send(report).is_ok()))
    }
}

impl<R: Send + 'static> From<Recipient<LeaseReport, R>> for ReportTo {
    fn from(recipient: Recipient<LeaseReport, R>) -> Self {
        Self(Arc::new(move |report| recipient.try_tell(report).is_ok()))
    }
}

impl fmt::Debug for ReportTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportTo").finish_non_exhaustive()
    }
}
