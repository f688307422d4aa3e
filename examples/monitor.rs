//! Monitors and links: a desk hears why its workers ended, and a pair that does not go on alone.
//!
//! Go has no counterpart: nobody can ask why a goroutine ended, or that it was the last of a pair.
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;

/// Works until it is told how to end.
struct Worker;

struct Crash;

impl Actor for Worker {}

impl Handler<Crash> for Worker {
    type Reply = ();

    async fn handle(&mut self, _crash: Crash, _cx: &mut ActorContext<Self>) {
        panic!("out of paper");
    }
}

/// Watches workers, and hears of those that it is linked to, since it traps exits.
struct Desk;

struct Watch(Address<Worker>);
struct Pair(Address<Worker>);

impl Actor for Desk {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        cx.trap_exits(true);
        Ok(())
    }
}

impl Handler<Watch> for Desk {
    type Reply = ();

    async fn handle(&mut self, Watch(worker): Watch, cx: &mut ActorContext<Self>) {
        cx.monitor(&worker);
    }
}

impl Handler<Pair> for Desk {
    type Reply = ();

    async fn handle(&mut self, Pair(worker): Pair, cx: &mut ActorContext<Self>) {
        cx.link(&worker);
    }
}

impl Handler<Down> for Desk {
    type Reply = ();

    async fn handle(&mut self, down: Down, _cx: &mut ActorContext<Self>) {
        println!("down: {} {}", down.id.name(), short(&down.reason));
    }
}

impl Handler<Exit> for Desk {
    type Reply = ();

    async fn handle(&mut self, exit: Exit, _cx: &mut ActorContext<Self>) {
        println!("exit: {} {}", exit.id.name(), short(&exit.reason));
    }
}

fn short(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Panicked(panic) => format!("panicked: {}", panic.message().unwrap_or("?")),
        ExitReason::Linked(linked) => {
            format!(
                "went with {} ({})",
                linked.to().name(),
                short(linked.root())
            )
        }
        other => other.to_string(),
    }
}

async fn worker(scope: &Scope, name: &'static str) -> Result<Address<Worker>> {
    let worker = scope.spawn(|| Worker).name(name);
    Ok(worker.restart(Restart::Temporary).await?)
}

fn main() -> Result<()> {
    // What the panic hook would say goes to the error output; the reasons say it here.
    Runtime::new()?.block_on(|scope| async move {
        let desk = scope.spawn(|| Desk).name("desk").await?;

        println!("== a monitor tells each end, whatever it was");
        let (calm, wild) = (worker(&scope, "calm").await?, worker(&scope, "wild").await?);
        desk.ask(Watch(calm.clone())).await?;
        calm.stop();
        calm.closed().await?;
        sleep(10.millis()).await?;
        desk.ask(Watch(wild.clone())).await?;
        wild.tell(Crash).await?;
        wild.closed().await?;
        sleep(10.millis()).await?;
        // Too late: it is told at once, and an address knows the reason.
        desk.ask(Watch(wild)).await?;
        sleep(10.millis()).await?;

        println!("== a task watches in a select");
        let printer = worker(&scope, "printer").await?;
        let mut monitor = scope.monitor(&printer);
        printer.tell(Crash).await?;
        select! {
            down = monitor.down() => println!("down: printer {}", short(&down?.reason)),
            after(5.secs()) => println!("it goes on"),
        }

        println!("== a link takes down, unless exits are trapped");
        let (left, right) = (
            worker(&scope, "left").await?,
            worker(&scope, "right").await?,
        );
        desk.ask(Pair(right.clone())).await?;
        scope.link(&left, &right);
        left.tell(Crash).await?;
        println!("right: {}", short(&right.closed().await?));
        sleep(10.millis()).await?;
        Ok(())
    })
}
