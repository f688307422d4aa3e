//! Circles of waits that close at the same time.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::check;
use super::table::{Table, join, spawn};
use crate::current;
use crate::cycle::{Desk, DeskKey, FarEnd};
use crate::id::Id;
use crate::sync::Mutex;
use crate::task::{TaskInfo, TaskKind, WaitKind};
use crate::wait::Wait;

/// A wait for one actor, as an ask makes it.
#[derive(Debug)]
struct End {
    order: u64,
    holder: Arc<TaskInfo>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    waker: Option<Waker>,
    refusals: usize,
}

impl End {
    fn new(order: u64, holder: &Arc<TaskInfo>) -> Arc<Self> {
        Arc::new(Self {
            order,
            holder: holder.clone(),
            state: Mutex::default(),
        })
    }

    fn refusals(&self) -> usize {
        self.state.lock().refusals
    }

    fn answer(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.is_closed = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl FarEnd for End {
    fn holder(&self) -> Option<Arc<TaskInfo>> {
        let state = self.state.lock();
        (!state.is_closed).then(|| self.holder.clone())
    }

    fn clones_of(&self, desk: DeskKey) -> Option<usize> {
        let state = self.state.lock();
        let there = state.waker.as_ref();
        there.is_some_and(|there| desk.is_of(there)).then_some(1)
    }

    fn order(&self) -> u64 {
        self.order
    }

    fn refuse(self: Arc<Self>, path: Vec<Id>) {
        assert_eq!(path.first(), path.last());
        let waker = {
            let mut state = self.state.lock();
            if std::mem::replace(&mut state.is_closed, true) {
                return;
            }
            state.refusals += 1;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

struct Player {
    info: Arc<TaskInfo>,
    desk: Desk,
    wait: Wait,
}

impl Player {
    fn new(table: &Arc<Table>, number: usize) -> Self {
        let id = Id::root().child("player").child(number.to_string());
        let now = table.root().now();
        let info = Arc::new(TaskInfo::new(id, TaskKind::Actor, Location::caller(), now));
        Self {
            desk: Desk::new(info.clone()),
            wait: Wait::new(WaitKind::Ask),
            info,
        }
    }

    fn wait_for(&mut self, end: &Arc<End>) {
        let _task = current::enter_task(self.info.clone(), Table::new().root());
        let outer = Waker::noop();
        self.desk.enter(outer);
        let wait = &mut self.wait;
        let poll = |waker: &Waker| {
            let is_open = {
                let mut state = end.state.lock();
                if !state.is_closed {
                    state.waker = Some(waker.clone());
                }
                !state.is_closed
            };
            if !is_open {
                return Poll::Ready(());
            }
            let _watch = current::enter_watch(waker);
            let far = || Some(end.clone() as Arc<dyn FarEnd>);
            let mut cx = Context::from_waker(waker);
            wait.poll_for(&mut cx, || None, None, far).map(|_| ())
        };
        let _polled = self.desk.poll(outer, false, poll, Poll::is_pending);
    }
}

fn circle(count: usize) {
    let table = Table::new();
    let players: Vec<_> = (0..count).map(|n| Player::new(&table, n)).collect();
    let infos: Vec<_> = players.iter().map(|player| player.info.clone()).collect();
    let ends: Vec<_> = (0..count)
        .map(|n| End::new(n as u64, &infos[(n + 1) % count]))
        .collect();
    let waiting: Vec<_> = players
        .into_iter()
        .zip(ends.clone())
        .map(|(mut player, end)| {
            spawn(move || {
                player.wait_for(&end);
                player
            })
        })
        .collect();
    // They stay: who goes waits no more.
    let players: Vec<_> = waiting.into_iter().map(join).collect();
    let refused: Vec<_> = ends.iter().map(|end| end.refusals()).collect();
    let mut expected = vec![0; count];
    expected[count - 1] = 1;
    assert_eq!(refused, expected, "the last one, once");
    drop(players);
}

#[test]
fn of_two_that_ask_each_other_the_last_is_refused() {
    check(|| circle(2));
}

#[test]
fn of_three_in_a_circle_the_last_is_refused() {
    check(|| circle(3));
}

#[test]
fn who_was_answered_before_is_no_part_of_a_circle() {
    check(|| {
        let table = Table::new();
        let mut first = Player::new(&table, 0);
        let mut second = Player::new(&table, 1);
        let asked = End::new(0, &second.info);
        let asks_back = End::new(1, &first.info);
        let waiting = {
            let asked = asked.clone();
            spawn(move || {
                first.wait_for(&asked);
                first
            })
        };
        // It answers, and only then asks back: the two waits were never there together.
        let answering = {
            let (asked, asks_back) = (asked.clone(), asks_back.clone());
            spawn(move || {
                asked.answer();
                second.wait_for(&asks_back);
                second
            })
        };
        let players = (join(waiting), join(answering));
        assert_eq!((asked.refusals(), asks_back.refusals()), (0, 0));
        drop(players);
    });
}

#[test]
fn two_waits_that_were_never_there_together_are_no_circle() {
    check(|| {
        let table = Table::new();
        let mut first = Player::new(&table, 0);
        let mut second = Player::new(&table, 1);
        let third = Player::new(&table, 2);
        let asked = End::new(1, &second.info);
        let asks_another = End::new(0, &third.info);
        let asks_back = End::new(2, &first.info);
        // Parked for another, so that a search from the first one goes on to it.
        second.wait_for(&asks_another);
        let waiting = {
            let asked = asked.clone();
            spawn(move || {
                first.wait_for(&asked);
                first
            })
        };
        let answering = {
            let (asked, asks_back) = (asked.clone(), asks_back.clone());
            spawn(move || {
                asks_another.answer();
                second.wait.end();
                asked.answer();
                second.wait_for(&asks_back);
                second
            })
        };
        let players = (join(waiting), join(answering));
        assert_eq!((asked.refusals(), asks_back.refusals()), (0, 0));
        drop((players, third));
    });
}
