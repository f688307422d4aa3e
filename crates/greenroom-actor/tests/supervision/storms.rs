//! A real supervisor under a storm of ends, failing starts and changes, against the model.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom_actor::supervision::{Child, RootPolicy, child};
use greenroom_actor::{Address, Restart, Supervisor};
use greenroom_core::time::sleep;
use greenroom_core::{ExitReason, Result};
use proptest::prelude::*;

use crate::decision::{IDS, models};
use crate::model::{Line, Model, Pid};
use crate::{Boom, Log, Node, Quit, line, paused, settle};

#[derive(Clone, Debug)]
enum Command {
    Boom(usize),
    Quit(usize),
    Fail(usize, u32),
    Terminate(usize),
    Restart(usize),
    Delete(usize),
    Start(usize, Restart),
    Wait(u64),
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    use Command as C;
    let at = || 0..IDS.len();
    let restart = prop_oneof![
        Just(Restart::Permanent),
        Just(Restart::Transient),
        Just(Restart::Temporary)
    ];
    let command = prop_oneof![
        4 => at().prop_map(C::Boom),
        2 => at().prop_map(C::Quit),
        2 => (at(), 0..3_u32).prop_map(|(at, n)| C::Fail(at, n)),
        1 => at().prop_map(C::Terminate),
        1 => at().prop_map(C::Restart),
        1 => at().prop_map(C::Delete),
        2 => (at(), restart).prop_map(|(at, restart)| C::Start(at, restart)),
        3 => (1..4_u64).prop_map(C::Wait),
    ];
    prop::collection::vec(command, 1..25)
}

type Failing = Arc<Mutex<BTreeMap<&'static str, u32>>>;

fn spec(line: &Line, log: &Log, failing: &Failing) -> Child<Address<Node>> {
    let (id, log, failing) = (line.id, log.clone(), failing.clone());
    let made = child(id, move || {
        let fails = {
            let mut failing = failing.lock().expect("no panic holds it");
            let left = failing.entry(id).or_default();
            let fails = *left > 0;
            *left -= u32::from(fails);
            fails
        };
        assert!(!fails, "it does not start");
        Node::new(id, &log)
    });
    match line.significant {
        true => made.restart(line.restart).significant(),
        false => made.restart(line.restart),
    }
}

async fn storm(
    scope: greenroom_actor::Scope,
    mut model: Model,
    commands: Vec<Command>,
) -> Result<()> {
    let (log, failing) = (Log::default(), Failing::default());
    let mut builder = scope
        .supervisor("top")
        .strategy(model.strategy)
        .auto_shutdown(model.auto_shutdown)
        .intensity(model.max_restarts, Duration::from_secs(model.period))
        .on_give_up(RootPolicy::Leave);
    for line in &model.lines {
        builder = builder.child(spec(line, &log, &failing));
    }
    let top = builder.await?;
    model.begin();
    let start = scope.context().now();
    for command in commands {
        if model.has_ended {
            break;
        }
        let now = (scope.context().now() - start).as_secs();
        apply(&top, &mut model, &command, &log, &failing, now).await?;
        settle().await?;
        // The clock of the model has whole seconds.
        let into = (scope.context().now() - start).subsec_nanos();
        sleep(Duration::from_nanos(1_000_000_000 - u64::from(into))).await?;
        assert_eq!(log.take(), model.log.join(" "), "after {command:?}");
        model.log.clear();
        if !model.has_ended {
            assert_eq!(line(&top).await?, model.shown(), "after {command:?}");
        }
    }
    if model.has_ended {
        let reason = top.closed().await?;
        assert!(
            matches!(reason, ExitReason::Shutdown | ExitReason::Failed(_)),
            "{reason:?}"
        );
    }
    Ok(())
}

async fn apply(
    top: &Supervisor,
    model: &mut Model,
    command: &Command,
    log: &Log,
    failing: &Failing,
    now: u64,
) -> Result<()> {
    let is_alive = |model: &Model, id: &str| {
        let mut lines = model.lines.iter();
        lines.any(|line| line.id == id && line.pid == Pid::Alive)
    };
    match *command {
        Command::Boom(at) if is_alive(model, IDS[at]) => {
            let node: Address<Node> = top.address(IDS[at]).await?;
            assert!(node.ask(Boom).await.is_err());
            model.exit(IDS[at], true, now);
        }
        Command::Quit(at) if is_alive(model, IDS[at]) => {
            let node: Address<Node> = top.address(IDS[at]).await?;
            node.ask(Quit).await?;
            model.exit(IDS[at], false, now);
        }
        Command::Boom(_) | Command::Quit(_) => {}
        Command::Fail(at, times) => {
            model.failing.insert(IDS[at], times);
            let mut failing = failing.lock().expect("no panic holds it");
            failing.insert(IDS[at], times);
        }
        Command::Terminate(at) => {
            let known = top.terminate(IDS[at]).await.is_ok();
            assert_eq!(known, model.lines.iter().any(|line| line.id == IDS[at]));
            model.terminate(IDS[at]);
        }
        Command::Restart(at) => {
            let restarted = top.restart(IDS[at]).await.is_ok();
            let was_alive = is_alive(model, IDS[at]);
            model.restart_child(IDS[at]);
            assert_eq!(restarted, !was_alive && is_alive(model, IDS[at]));
        }
        Command::Delete(at) => {
            let before = model.lines.len();
            model.delete(IDS[at]);
            let is_gone = model.lines.len() < before;
            assert_eq!(top.delete(IDS[at]).await.is_ok(), is_gone);
        }
        Command::Start(at, restart) => {
            let new = Line {
                id: IDS[at],
                restart,
                significant: false,
                pid: Pid::Undefined,
            };
            let before = model.lines.len();
            model.start_child(new.clone());
            let started = top.start(spec(&new, log, failing)).await;
            assert_eq!(started.is_ok(), model.lines.len() > before, "{started:?}");
        }
        Command::Wait(seconds) => sleep(Duration::from_secs(seconds)).await?,
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_supervisor_does_what_otp_documents(
        seed in any::<u64>(),
        model in models(),
        commands in commands(),
    ) {
        let runtime = paused(seed);
        let ended = runtime.block_on(move |scope| storm(scope, model, commands));
        prop_assert!(ended.is_ok(), "{:?}", ended);
        runtime.assert_no_leaks();
    }
}
