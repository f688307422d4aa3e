//! The hits of pages, counted by an actor, behind a pool of workers: what the examples of hosts share.
#![allow(dead_code, reason = "each host uses a part of it")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use clap::Parser;
use futures_util::future::join3;
use greenroom::error::ContextError;
use greenroom::patterns::worker_pool::{JobError, TrySubmitError};
use greenroom::prelude::*;

/// Counts hits until SIGINT or SIGTERM, and answers what it has begun.
#[derive(Parser, Clone, Copy)]
pub(crate) struct Options {
    /// The port on 127.0.0.1; 0 for any that is free.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// How many hits are worked on at a time.
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// How many hits wait for a worker at most; the next is refused with 503.
    #[arg(long, default_value_t = 64)]
    queue: usize,
    /// How long a hit keeps a worker, in milliseconds.
    #[arg(long, default_value_t = 1)]
    work: u64,
    /// How long a request may take, in milliseconds; after that it is answered with 504.
    #[arg(long, default_value_t = 1000)]
    patience: u64,
    /// How long what was begun may take after the signal, in milliseconds; then it is cut.
    #[arg(long, default_value_t = 10_000)]
    grace: u64,
}

impl Options {
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace)
    }
}

/// Owns the counts.
#[derive(Default)]
struct Counter {
    pages: BTreeMap<String, u64>,
    totals: Totals,
}

/// How many requests there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) answered: u64,
}

struct Hit(String);
struct Accepted;
struct Answered;
struct Total;

impl Actor for Counter {}

impl Handler<Hit> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Hit(page): Hit, _cx: &mut ActorContext<Self>) -> u64 {
        let hits = self.pages.entry(page).or_default();
        *hits += 1;
        *hits
    }
}

impl Handler<Accepted> for Counter {
    type Reply = ();

    async fn handle(&mut self, _: Accepted, _cx: &mut ActorContext<Self>) {
        self.totals.accepted += 1;
    }
}

impl Handler<Answered> for Counter {
    type Reply = ();

    async fn handle(&mut self, _: Answered, _cx: &mut ActorContext<Self>) {
        self.totals.answered += 1;
    }
}

impl Handler<Total> for Counter {
    type Reply = Totals;

    async fn handle(&mut self, _: Total, _cx: &mut ActorContext<Self>) -> Totals {
        self.totals
    }
}

/// The status and the text that a request is answered with.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// Takes hits, from any thread and under any executor. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hits {
    root: Context,
    patience: Duration,
    counter: Address<Counter>,
    pool: WorkerPool<String, u64>,
}

impl Hits {
    pub(crate) async fn start(scope: &Scope, options: Options) -> Result<Self> {
        let counter = scope.spawn(Counter::default).name("hits").await?;
        let work = Duration::from_millis(options.work);
        let pages = counter.clone();
        let count = move |page: String| {
            let pages = pages.clone();
            async move {
                sleep(work).await?;
                Ok(pages.ask(Hit(page)).await?)
            }
        };
        let workers = pool("hit").workers(options.workers).queue(options.queue);
        Ok(Self {
            root: scope.context().clone(),
            patience: Duration::from_millis(options.patience),
            counter,
            pool: WorkerPool::spawn(scope, workers, count).await?,
        })
    }

    /// Opens the counter in a runtime, and runs a host beside it, on the host's own threads. When the
    /// host has returned the counter ends. When `stop` ends, the runtime shuts down, and says what it cut.
    pub(crate) async fn open<T, Fut>(
        runtime: &Runtime,
        options: Options,
        stop: &Context,
        host: impl FnOnce(Self) -> Fut,
    ) -> Result<T>
    where
        Fut: Future<Output = Result<T>>,
    {
        let (give, take) = channel::bounded(1);
        let (host_runs, host_ended) = channel::rendezvous::<Infallible>();
        let scope = runtime.scope(move |scope| async move {
            give.send(Self::start(&scope, options).await?).await?;
            // Nothing is ever sent: it closes when the host has returned.
            let _closed = host_ended.recv().await;
            Ok(())
        });
        let (over, end) = stop.with_cancel();
        let host = async move {
            let served = match take.recv().await {
                Ok(hits) => host(hits).await,
                Err(error) => Err(error.into()),
            };
            drop(host_runs);
            // Also when it ends by itself.
            end.cancel();
            served
        };
        let shutdown = async {
            over.done().await;
            runtime.shutdown(options.grace()).await
        };
        let (ended, served, report) = join3(scope, host, shutdown).await;
        println!("{report}");
        ended.and(served)
    }

    /// Counts a hit and says what to answer; never waits longer than the patience.
    pub(crate) async fn answer(&self, page: String) -> Answer {
        let counted = self.counter.tell(Accepted).await;
        let within = self.root.with_timeout(self.patience);
        let answer = match within.run(self.hit(page)).await {
            Ok(answer) => answer,
            Err(ended) => Answer::ended(&ended),
        };
        if counted.is_ok() {
            let _stopped = self.counter.tell(Answered).await;
        }
        answer
    }

    async fn hit(&self, page: String) -> Answer {
        // Refused at once when the queue is full: a longer queue would only make everybody late.
        let ticket = match self.pool.try_submit(page.clone()) {
            Ok(ticket) => ticket,
            Err(TrySubmitError::Full(_)) => return Answer::new(503, "busy"),
            Err(_) => return Answer::new(503, "stopping"),
        };
        match ticket.wait().await {
            Ok(hits) => Answer::new(200, format!("{page}: {hits}")),
            Err(JobError::DeadlineInQueue | JobError::DeadlineInJob) => Answer::new(504, "late"),
            Err(JobError::WaitEnded(ended)) => Answer::ended(&ended),
            Err(JobError::Cancelled(_) | JobError::Closed) => Answer::new(503, "stopping"),
            Err(error) => Answer::new(500, error.to_string()),
        }
    }

    /// Returns how many requests there were.
    pub(crate) async fn totals(&self) -> Result<Totals> {
        Ok(self.counter.ask(Total).await?)
    }

    /// As [`totals`](Self::totals), for code that blocks.
    pub(crate) fn totals_blocking(&self) -> Result<Totals> {
        Ok(self.counter.ask_blocking(Total)?)
    }
}

impl Answer {
    fn new(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }

    fn ended(ended: &ContextError) -> Self {
        if ended.is_deadline() {
            Self::new(504, "late")
        } else {
            Self::new(503, "stopping")
        }
    }

    /// The answer as a line, for the hosts that do not speak HTTP.
    pub(crate) fn line(&self) -> String {
        format!("{} {}\n", self.status, self.text)
    }
}
