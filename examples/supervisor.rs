//! A tree of supervisors: a store, a cache that stands on it, and sessions beside them.
//!
//! Go has no counterpart: a panic that nobody recovers ends the process.
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;
use greenroom::supervision::{
    AutoShutdown, GaveUp, RootPolicy, Strategy, Supervisor, child, keeper, supervisor,
};

struct Store {
    saved: Kept<Vec<&'static str>>,
}

struct Save(&'static str);

impl Actor for Store {}

impl Handler<Save> for Store {
    type Reply = usize;

    async fn handle(&mut self, Save(text): Save, _cx: &mut ActorContext<Self>) -> usize {
        assert!(!text.is_empty(), "nothing to save");
        self.saved.push(text);
        self.saved.len()
    }
}

/// Counts what it was asked since it was built.
#[derive(Default)]
struct Worker {
    seen: usize,
}

struct Work;
struct Crash;
struct Finish;

impl Actor for Worker {}

impl Handler<Work> for Worker {
    type Reply = usize;

    async fn handle(&mut self, _work: Work, _cx: &mut ActorContext<Self>) -> usize {
        self.seen += 1;
        self.seen
    }
}

impl Handler<Crash> for Worker {
    type Reply = ();

    async fn handle(&mut self, _crash: Crash, _cx: &mut ActorContext<Self>) {
        panic!("crashed");
    }
}

impl Handler<Finish> for Worker {
    type Reply = ();

    async fn handle(&mut self, _finish: Finish, cx: &mut ActorContext<Self>) {
        cx.stop();
    }
}

async fn show(title: &str, top: &Supervisor) -> Result<()> {
    println!("{title}:");
    for child in top.children().await? {
        let last = match &child.last_exit {
            None => "",
            Some(ExitReason::Panicked(_)) => ", panicked",
            Some(ExitReason::Failed(_)) => ", failed",
            Some(ExitReason::Shutdown) => ", shut down",
            Some(_) => ", ended",
        };
        let (id, restarts) = (child.id, child.restarts);
        println!("  {id}: {:?}, {restarts} restarts{last}", child.standing);
    }
    Ok(())
}

fn main() -> Result<()> {
    // The story tells of its panics itself.
    std::panic::set_hook(Box::new(|_panic| ()));
    let runtime = Runtime::builder().single_thread().seed(1).build()?;
    runtime.block_on(|scope| async move {
        let top = scope
            .supervisor("top")
            .strategy(Strategy::RestForOne)
            .intensity(3, 5.secs())
            .on_give_up(RootPolicy::Leave)
            .child(keeper("store", Vec::new(), |saved| Store { saved }))
            .child(child("cache", Worker::default))
            .child(
                supervisor("sessions")
                    .intensity(1, 5.secs())
                    .child(child("ann", Worker::default)),
            )
            .await?;
        let store: Address<Store> = top.address("store").await?;
        let cache: Address<Worker> = top.address("cache").await?;
        println!("saved {}", store.ask(Save("first")).await?);
        println!("cached {}", cache.ask(Work).await?);

        // The cache stands on the store, so it is restarted as well. What the store keeps stays.
        let failed = store.ask(Save("")).await.is_err();
        println!("the store failed: {failed}");
        println!("saved {}", store.ask(Save("second")).await?);
        println!("cached {}", cache.ask(Work).await?);
        show("after a failure of the store", &top).await?;

        // More failures than its supervisor allows: that one fails, and is restarted from above.
        let sessions = top.supervisor("sessions").await?;
        let ann: Address<Worker> = sessions.address("ann").await?;
        for _ in 0..2 {
            let _panicked = ann.ask(Crash).await;
        }
        println!("ann, at the same address: {}", ann.ask(Work).await?);
        show("after two of a session", &top).await?;

        let bob = sessions.start(child("bob", Worker::default)).await?;
        println!("bob came: {}", bob.ask(Work).await?);
        sessions.remove("bob").await?;
        println!("and went: {}", bob.ask(Work).await.is_err());

        // Too many: the top gives up, and this host goes on without it.
        while cache
            .ask(Crash)
            .await
            .is_err_and(|e| matches!(e, AskError::Panicked(_)))
        {}
        if let ExitReason::Failed(failure) = top.closed().await?
            && let Some(gave_up) = failure.downcast_ref::<GaveUp>()
        {
            println!("given up: {}", gave_up.child());
        }

        let job = scope
            .supervisor("job")
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(child("left", Worker::default).significant())
            .child(child("right", Worker::default).significant())
            .child(child("helper", Worker::default))
            .await?;
        for id in ["left", "right"] {
            let worker: Address<Worker> = job.address(id).await?;
            worker.ask(Finish).await?;
        }
        println!("the job ended: {}", job.closed().await?);
        Ok(())
    })
}
