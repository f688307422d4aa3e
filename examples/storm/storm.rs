//! What every part of the storm has, and the list of the parts.

use std::future::Future;
use std::pin::Pin;

use greenroom::prelude::*;

use super::account::Ledger;
use super::actors::{Books, WORKERS, Worker};
use super::faults::{Dice, Faults};
use super::{churn, clients, lines, pools, shared, trees};

/// A round, as those who are in it see it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Storm {
    pub(crate) runtime: Runtime,
    pub(crate) ledger: Ledger,
    /// The workers' own.
    pub(crate) own: Books,
    pub(crate) faults: Faults,
    /// Ends when no new load is wanted.
    pub(crate) load: Context,
}

impl Storm {
    pub(crate) fn new(runtime: Runtime, faults: Faults, load: Context) -> Self {
        let ledger = Ledger::default();
        Self {
            runtime,
            own: Books::open(&ledger),
            ledger,
            faults,
            load,
        }
    }

    /// Returns whether load is still wanted.
    pub(crate) fn is_on(&self) -> bool {
        !self.load.is_done()
    }

    /// Returns a worker of those who are in a tree, if there is one.
    pub(crate) fn some_worker(&self, dice: &mut Dice) -> Option<Address<Worker>> {
        let mut workers = self.runtime.group(WORKERS).unwrap_or_default();
        (!workers.is_empty()).then(|| workers.swap_remove(dice.below(workers.len())))
    }
}

type Starting = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A part of the storm, which can be run alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) start: fn(Scope, Storm, Dice) -> Starting,
}

pub(crate) const PARTS: &[Part] = &[
    Part {
        name: "actors",
        start: |scope, storm, mut dice| {
            Box::pin(async move {
                trees::start(scope.clone(), storm.clone(), dice.fork()).await?;
                clients::start(scope, storm, dice).await
            })
        },
    },
    Part {
        name: "pools",
        start: |scope, storm, dice| Box::pin(pools::start(scope, storm, dice)),
    },
    Part {
        name: "lines",
        start: |scope, storm, dice| Box::pin(lines::start(scope, storm, dice)),
    },
    Part {
        name: "shared",
        start: |scope, storm, dice| Box::pin(shared::start(scope, storm, dice)),
    },
    Part {
        name: "churn",
        start: |scope, storm, dice| Box::pin(churn::start(scope, storm, dice)),
    },
];
