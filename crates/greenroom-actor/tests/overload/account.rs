//! The account of messages against one that is kept outside, under panics, cancels, stops and restarts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom_actor::{Address, AskError, Overflow, Restart, SingleThread, Undelivered};
use greenroom_core::registry::MessageCounts;
use greenroom_core::time::sleep;
use greenroom_core::{Failure, Result};
use proptest::prelude::*;

use crate::shuffler::shuffled;
use crate::{Does, Job, Ledger, Worker, drain, paused};

#[derive(Clone, Copy, Debug)]
enum How {
    Tell,
    TryTell,
    Ask,
    TellTries(u32),
    AskTries(u32),
}

#[derive(Clone, Debug)]
enum Command {
    Send(How, Does, Option<u64>),
    GiveUp(usize),
    Pause(u64),
}

#[derive(Clone, Copy, Debug)]
enum Finish {
    Drain,
    Stop,
    Cancel,
    DropRuntime,
}

#[derive(Clone, Debug)]
struct Case {
    overflow: Overflow,
    capacity: usize,
    restarts: usize,
    restart: Restart,
    commands: Vec<Command>,
    finish: Finish,
    seed: u64,
    is_observed: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let how = prop_oneof![
        4 => Just(How::Tell),
        1 => Just(How::TryTell),
        3 => Just(How::Ask),
        2 => (0..4_u32).prop_map(How::TellTries),
        2 => (0..4_u32).prop_map(How::AskTries),
    ];
    let does = prop_oneof![
        4 => Just(Does::Return),
        3 => (1..4_u64).prop_map(Does::Wait),
        2 => Just(Does::Boom),
        2 => (1..4_u64).prop_map(Does::BoomAfter),
        1 => Just(Does::Hang),
        2 => (1..3_u32).prop_map(Does::BoomUpTo),
    ];
    let deadline = prop_oneof![2 => Just(None), 1 => (1..8_u64).prop_map(Some)];
    let command = prop_oneof![
        8 => (how, does, deadline).prop_map(|(how, does, deadline)| {
            // Nothing else would end it.
            let deadline = if does == Does::Hang { deadline.or(Some(5)) } else { deadline };
            Command::Send(how, does, deadline)
        }),
        1 => any::<usize>().prop_map(Command::GiveUp),
        2 => (0..3_u64).prop_map(Command::Pause),
    ];
    let overflow = prop_oneof![
        Just(Overflow::Wait),
        Just(Overflow::Fail),
        Just(Overflow::DropNewest),
        Just(Overflow::DropOldest),
        Just(Overflow::KeepLatest),
    ];
    let restart = prop_oneof![
        4 => Just(Restart::Transient),
        1 => Just(Restart::Permanent),
        1 => Just(Restart::Temporary),
    ];
    let finish = prop_oneof![
        Just(Finish::Drain),
        Just(Finish::Stop),
        Just(Finish::Cancel),
        Just(Finish::DropRuntime),
    ];
    (
        (
            overflow,
            0..4_usize,
            prop_oneof![Just(2_usize), Just(1000)],
            restart,
        ),
        prop::collection::vec(command, 1..40),
        (finish, any::<u64>(), any::<bool>()),
    )
        .prop_map(
            |((overflow, capacity, restarts, restart), commands, (finish, seed, is_observed))| {
                Case {
                    overflow,
                    capacity,
                    restarts,
                    restart,
                    commands,
                    finish,
                    seed,
                    is_observed,
                }
            },
        )
}

/// What the senders learned: of each token, whether it was accepted, if that can be told.
type Sent = Arc<Mutex<BTreeMap<u32, Option<bool>>>>;

async fn send(worker: Address<Worker>, how: How, job: Job) -> Option<bool> {
    let asked = |answer: std::result::Result<u32, AskError>| match answer {
        Ok(_) | Err(AskError::Panicked(_) | AskError::Overflow | AskError::DeadlineInHandler) => {
            Some(true)
        }
        Err(AskError::Full) => Some(false),
        Err(_) => None,
    };
    match how {
        How::Tell => Some(worker.tell(job).await.is_ok()),
        How::TryTell => Some(worker.try_tell(job).is_ok()),
        How::Ask => asked(worker.ask(job).await),
        How::TellTries(tries) => Some(worker.redelivered(tries).tell(job).await.is_ok()),
        How::AskTries(tries) => asked(worker.redelivered(tries).ask(job).await),
    }
}

async fn play(
    scope: greenroom_actor::Scope,
    case: Case,
    ledger: Ledger,
    sent: Sent,
    give: Give,
) -> Result<()> {
    let worker = scope
        .spawn(move || Worker(ledger.clone()))
        .mailbox(case.capacity)
        .overflow(case.overflow)
        .restart(case.restart)
        .intensity(case.restarts, Duration::from_secs(60))
        .shutdown(Duration::from_millis(2))
        .await?;
    *give.lock().expect("no panic holds it") = Some(worker.clone());
    let mut senders = Vec::new();
    for (token, command) in (1..).zip(case.commands) {
        match command {
            Command::Send(how, does, deadline) => {
                let (worker, sent) = (worker.clone(), sent.clone());
                let context = match deadline {
                    Some(ms) => scope.context().with_timeout(Duration::from_millis(ms)),
                    None => scope.context().clone(),
                };
                // Until it is known, as for one that gives up.
                sent.lock().expect("no panic holds it").insert(token, None);
                senders.push(scope.go(async move {
                    let job = Job(token, does);
                    let known = context.run(send(worker, how, job)).await.ok().flatten();
                    sent.lock().expect("no panic holds it").insert(token, known);
                    Ok(())
                }));
            }
            Command::GiveUp(which) if !senders.is_empty() => {
                let which = which % senders.len();
                senders[which].cancel("given up");
            }
            Command::GiveUp(_) => {}
            Command::Pause(ms) => sleep(Duration::from_millis(ms)).await?,
        }
        let counts = worker.messages();
        assert!(counts.settled() <= counts.accepted, "{counts:?}");
        assert!(worker.queued() <= case.capacity);
    }
    match case.finish {
        Finish::Drain => {
            // Those that gave up are no failure.
            for sender in senders {
                let _ended = sender.await;
            }
        }
        Finish::Stop => worker.stop(),
        Finish::Cancel => return Err(Failure::message("cancel them all")),
        Finish::DropRuntime => {
            let () = std::future::pending().await;
        }
    }
    for _ in 0..8 {
        sleep(Duration::from_millis(1)).await?;
    }
    Ok(())
}

type Give = Arc<Mutex<Option<Address<Worker>>>>;

fn start(case: &Case) -> (SingleThread, Option<Arc<crate::shuffler::Held>>) {
    if case.is_observed {
        let (runtime, held) = shuffled(case.seed);
        return (runtime, Some(held));
    }
    (paused(), None)
}

fn check(case: Case) {
    let text = format!("{case:?}");
    let (runtime, held) = start(&case);
    let letters = runtime.dead_letters_up_to(10_000);
    let (ledger, sent, give) = (Ledger::default(), Sent::default(), Give::default());
    let (inside, theirs, taken) = (ledger.clone(), sent.clone(), give.clone());
    let outer = runtime.clone();
    let finish = case.finish;
    // The result is that of the last panic, of the cancel, or none.
    let _result = runtime.block_on(move |scope| async move {
        let played = scope.scope(|inner| play(inner, case, inside, theirs, taken));
        match finish {
            Finish::DropRuntime => {
                // A scope that is dropped is cancelled, and ends by itself or with the runtime.
                let limit = scope.context().with_timeout(Duration::from_millis(60));
                let _ended = limit.run(played).await;
                Ok(())
            }
            _ => played.await,
        }
    });
    if let Some(held) = &held {
        held.flush();
    }
    drop(runtime);
    if let Some(held) = &held {
        held.flush();
    }
    let worker = give
        .lock()
        .expect("no panic holds it")
        .take()
        .expect("it started");
    let counts = worker.messages();
    assert_eq!(outer.messages(), counts, "{text}");
    assert_eq!(counts.pending(), 0, "{counts:?} {text}");
    let mut found = MessageCounts::default();
    let mut dead = Vec::new();
    for letter in drain(&letters) {
        let count = match letter.why {
            Undelivered::Expired => &mut found.expired,
            Undelivered::Abandoned | Undelivered::Cancelled => &mut found.abandoned,
            Undelivered::Ended | Undelivered::GivenUp => &mut found.refused,
            Undelivered::Dropped(_) => &mut found.dropped,
            Undelivered::Cut | Undelivered::Panicked(_) => &mut found.lost,
            Undelivered::Poisoned { .. } => &mut found.set_aside,
            _ => unreachable!("{letter}"),
        };
        *count += 1;
        dead.extend(letter.take().map(|Job(token, _)| token));
    }
    assert_eq!(letters.missed(), 0);
    found.accepted = counts.accepted;
    found.handled = ledger.returned().len() as u64;
    assert_eq!(found, counts, "{text}");
    // The account of the senders: what they know to be accepted was, and what they know not to be was not.
    let sent = sent.lock().expect("no panic holds it");
    let known = |is: bool| sent.values().filter(|known| **known == Some(is)).count() as u64;
    assert!(known(true) <= counts.accepted, "{text}");
    assert!(
        counts.accepted <= sent.len() as u64 - known(false),
        "{text}"
    );
    ledger.with(|entries| {
        // Of every message that was accepted a handler had it, or its letter did.
        let mut all: Vec<u32> = entries.begun.keys().copied().chain(dead).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len() as u64, counts.accepted, "{text}");
        assert!(all.iter().all(|token| sent[token] != Some(false)), "{text}");
        let accepted: Vec<_> = sent
            .iter()
            .filter(|(_, known)| **known == Some(true))
            .collect();
        assert!(
            accepted
                .iter()
                .all(|(token, _)| all.binary_search(token).is_ok()),
            "{text}"
        );
        let mut once = entries.returned.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(
            once.len(),
            entries.returned.len(),
            "one outcome each: {text}"
        );
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn each_message_that_was_accepted_has_one_outcome(case in cases()) {
        check(case);
    }
}
