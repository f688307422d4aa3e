//! Answers, and who waits for them.

use std::sync::Arc;
use std::task::Poll;

use greenroom_core::registry::Registry;
use greenroom_core::task::{TaskInfo, TaskKind};
use greenroom_core::{Context, ExitReason, Id, current};

use super::{block_on, check, join, spawn};
use crate::hub::{Clock, Hub, Order};
use crate::reply::{self, Answer, NoReply, ReplyTo};
use crate::scope::{JoinCell, JoinError};

fn pair() -> (ReplyTo<Arc<()>>, Answer<Arc<()>>) {
    let rng = fastrand::Rng::with_seed(1);
    let hub = Hub::new("hub".to_owned(), Clock::Machine, Order::Arrival, rng);
    let root = Context::root(Id::root(), hub.handle(), Registry::new()).0;
    reply::pair(root.driver(), || 0)
}

fn info(kind: TaskKind) -> Arc<TaskInfo> {
    let (id, place) = (Id::root().child("it"), std::panic::Location::caller());
    Arc::new(TaskInfo::new(id, kind, place, current::now()))
}

async fn answered(answer: Answer<Arc<()>>) -> Result<Arc<()>, NoReply> {
    std::future::poll_fn(|cx| answer.poll(cx)).await
}

#[test]
fn an_asker_is_answered_once() {
    check(|| {
        let (reply, answer) = pair();
        let value = Arc::new(());
        let answering = {
            let value = value.clone();
            spawn(move || reply.send(value))
        };
        assert!(block_on(answered(answer)).is_ok());
        join(answering);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn an_asker_learns_that_nobody_answers() {
    check(|| {
        let (reply, answer) = pair();
        let unanswered = reply.unanswered();
        let handling = spawn(move || {
            let Some(begun) = reply::Begun::new(unanswered, true) else {
                return;
            };
            drop(reply);
            begun.end(None);
        });
        assert!(matches!(
            block_on(answered(answer)),
            Err(NoReply::Dropped | NoReply::Closed)
        ));
        join(handling);
    });
}

#[test]
fn an_answer_to_an_asker_that_has_gone_is_dropped() {
    check(|| {
        let (reply, answer) = pair();
        let value = Arc::new(());
        let answering = {
            let value = value.clone();
            spawn(move || reply.send(value))
        };
        let leaving = spawn(move || {
            let polled = block_on(std::future::poll_fn(|cx| Poll::Ready(answer.poll(cx))));
            drop(answer);
            polled.is_ready()
        });
        join(answering);
        let _has_read = join(leaving);
        assert_eq!(Arc::strong_count(&value), 1, "it is kept somewhere");
    });
}

#[test]
fn a_reply_and_a_refusal_give_one_answer() {
    check(|| {
        let (reply, answer) = pair();
        let info = info(TaskKind::Actor);
        let end = answer.far_end(&info, false);
        let value = Arc::new(());
        let answering = {
            let value = value.clone();
            spawn(move || reply.send(value))
        };
        let refusing = spawn(move || end.refuse(Vec::new()));
        let got = block_on(answered(answer));
        join(answering);
        join(refusing);
        assert!(matches!(got, Ok(_) | Err(NoReply::Cycle(_))));
        drop(got);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn who_joins_a_task_gets_its_first_result() {
    check(|| {
        let cell = JoinCell::new();
        let task = info(TaskKind::Task);
        let finishing: Vec<_> = [1, 2]
            .into_iter()
            .map(|result| {
                let (cell, task) = (cell.clone(), task.clone());
                spawn(move || cell.finish(&task, Ok(result), ExitReason::Normal))
            })
            .collect();
        let joined: Result<u32, JoinError> = block_on(std::future::poll_fn(|cx| cell.poll(cx)));
        assert!(matches!(joined, Ok(1 | 2)));
        finishing.into_iter().for_each(join);
        assert!(cell.is_finished());
    });
}
