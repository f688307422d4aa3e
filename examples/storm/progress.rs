//! A line on the terminal that tells how far the storm is.

use std::io::{IsTerminal, Write, stderr};
use std::sync::{Arc, Mutex as Shared};

use greenroom::prelude::*;

use super::account::{Account, Ledger, lock};

/// The name of the task that shows it.
pub(crate) const PROGRESS: &str = "progress";

/// Shows progress on standard error if that is a terminal, else does nothing. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Shared<Option<Watched>>>);

#[derive(Clone, Debug)]
struct Watched {
    ledger: Ledger,
    before: Account,
}

impl Progress {
    /// Shows this round from now on.
    pub(crate) fn watch(&self, ledger: &Ledger, before: &Account) {
        if stderr().is_terminal() {
            let (ledger, before) = (ledger.clone(), before.clone());
            *lock(&self.0) = Some(Watched { ledger, before });
        }
    }

    /// Writes a line each second, until it is cancelled.
    pub(crate) async fn show(self) -> Result<()> {
        if !stderr().is_terminal() {
            return Ok(());
        }
        let ticker = tick(1.secs())?;
        let mut seconds = 0;
        loop {
            let _at = ticker.tick().await?;
            seconds += 1;
            let Some(Watched { ledger, before }) = lock(&self.0).clone() else {
                continue;
            };
            let mut account = before;
            account.add(&ledger.account());
            let total = account.total();
            let lost = total.sent - total.fates[0];
            // A terminal that is gone is nobody to tell.
            let _gone = write!(
                stderr(),
                "\r{seconds} s: {} sent, {lost} not handled   ",
                total.sent
            );
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if stderr().is_terminal() {
            let _gone = write!(stderr(), "\r\x1b[K");
        }
    }
}
