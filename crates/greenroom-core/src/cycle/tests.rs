use std::panic::Location;
use std::task::{Context, Poll};

use super::*;
use crate::current;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicUsize;
use crate::task::{TaskKind, WaitKind};
use crate::wait::Wait;

/// A wait that its holder ends by saying so.
#[derive(Debug)]
struct End {
    order: u64,
    holder: Arc<TaskInfo>,
    is_open: AtomicBool,
    looked_at: AtomicUsize,
    waker: Mutex<Option<Waker>>,
    refused: Mutex<Vec<Vec<Id>>>,
}

impl End {
    fn new(order: u64, holder: &Arc<TaskInfo>) -> Arc<Self> {
        Arc::new(Self {
            order,
            holder: holder.clone(),
            is_open: AtomicBool::new(true),
            looked_at: AtomicUsize::new(0),
            waker: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    fn refusals(&self) -> usize {
        self.refused.lock().len()
    }
}

impl FarEnd for End {
    fn holder(&self) -> Option<Arc<TaskInfo>> {
        self.looked_at.fetch_add(1, Ordering::Relaxed);
        self.is_open
            .load(Ordering::Relaxed)
            .then(|| self.holder.clone())
    }

    fn clones_of(&self, desk: DeskKey) -> Option<usize> {
        let there = self.waker.lock();
        there.as_ref().is_some_and(|w| desk.is_of(w)).then_some(1)
    }

    fn order(&self) -> u64 {
        self.order
    }

    fn refuse(self: Arc<Self>, path: Vec<Id>) {
        self.refused.lock().push(path);
    }
}

struct Player {
    info: Arc<TaskInfo>,
    desk: Desk,
    wait: Wait,
}

impl Player {
    #[track_caller]
    fn new(number: usize) -> Self {
        let id = Id::root().child("player").child(number.to_string());
        let place = Location::caller();
        let info = Arc::new(TaskInfo::new(id, TaskKind::Actor, place, current::now()));
        Self {
            desk: Desk::new(info.clone()),
            wait: Wait::new(WaitKind::Ask),
            info,
        }
    }

    /// Polls user code that waits for `end`, and does something else with the waker.
    fn wait_beside(&mut self, end: &Arc<End>, beside: impl FnOnce(&Waker)) {
        let root = crate::doc_support::root();
        let _task = current::enter_task(self.info.clone(), root);
        let outer = Waker::noop();
        self.desk.enter(outer);
        let wait = &mut self.wait;
        let poll = |waker: &Waker| {
            *end.waker.lock() = Some(waker.clone());
            beside(waker);
            let _watch = current::enter_watch(waker);
            let far = || Some(end.clone() as Arc<dyn FarEnd>);
            wait.poll_for(&mut Context::from_waker(waker), || None, None, far)
        };
        let polled = self.desk.poll(outer, false, poll, Poll::is_pending);
        assert!(polled.is_pending());
    }

    fn wait_for(&mut self, end: &Arc<End>) {
        self.wait_beside(end, |_| ());
    }
}

fn players(count: usize) -> Vec<Player> {
    (0..count).map(Player::new).collect()
}

/// Lets each wait for the next one, the last for `back_to`.
fn line(players: &mut [Player], back_to: usize) -> Vec<Arc<End>> {
    let infos: Vec<_> = players.iter().map(|player| player.info.clone()).collect();
    let mut ends = Vec::new();
    for (number, player) in players.iter_mut().enumerate() {
        let next = infos.get(number + 1).unwrap_or(&infos[back_to]);
        let end = End::new(number as u64, next);
        player.wait_for(&end);
        ends.push(end);
    }
    ends
}

#[test]
fn the_last_of_a_circle_is_refused_once() {
    for count in 1..40 {
        let mut players = players(count);
        let ends = line(&mut players, 0);
        for (number, end) in ends.iter().enumerate() {
            assert_eq!(end.refusals(), usize::from(number == count - 1));
        }
        let path = ends[count - 1].refused.lock()[0].clone();
        assert_eq!(path.len(), count + 1);
        assert_eq!(path[0], players[count - 1].info.id);
        assert_eq!(path[count], path[0]);
    }
}

#[test]
fn a_way_into_a_circle_ends() {
    for (count, back_to) in [(2, 1), (3, 1), (20, 7), (100, 99), (1000, 500)] {
        let mut players = players(count);
        let ends = line(&mut players, back_to);
        assert_eq!(ends[count - 1].refusals(), 1);
        // One that comes later and leads there searches, and finds no circle of its own.
        let mut later = Player::new(count);
        let end = End::new(count as u64, &players[0].info);
        later.wait_for(&end);
        assert_eq!(end.refusals(), 0);
        assert_eq!(ends[count - 1].refusals(), 1);
    }
}

#[test]
fn a_long_line_is_searched_in_one_pass() {
    let mut players = players(1000);
    let ends = line(&mut players, 0);
    // At its own park, and at that of the last one: twice, for the two looks.
    let most = ends
        .iter()
        .map(|end| end.looked_at.load(Ordering::Relaxed))
        .max();
    assert!(most <= Some(5), "{most:?}");
}

#[test]
fn a_clone_elsewhere_makes_it_uncertain_until_it_is_gone() {
    let mut player = Player::new(0);
    let end = End::new(0, &player.info);
    let mut elsewhere = None;
    player.wait_beside(&end, |waker| elsewhere = Some(waker.clone()));
    assert_eq!((end.refusals(), player.info.waits_only_for()), (0, None));
    drop(elsewhere);
    player.wait_for(&end);
    assert_eq!(end.refusals(), 1);
}

#[test]
fn a_wake_during_the_poll_or_after_it_makes_it_uncertain() {
    let mut player = Player::new(0);
    let end = End::new(0, &player.info);
    player.wait_beside(&end, Waker::wake_by_ref);
    assert_eq!(end.refusals(), 0);
    drop(end.waker.lock().take());
    let other = End::new(1, &Player::new(1).info);
    player.wait.end();
    player.wait_for(&other);
    assert!(player.info.waits_only_for().is_some());
    if let Some(waker) = other.waker.lock().take() {
        waker.wake();
    }
    assert_eq!(player.info.waits_only_for(), None, "it was rung");
}

#[test]
fn a_closed_wait_is_no_part_of_a_circle() {
    let mut players = players(2);
    let infos = [players[0].info.clone(), players[1].info.clone()];
    let (first, second) = (End::new(0, &infos[1]), End::new(1, &infos[0]));
    players[0].wait_for(&first);
    first.is_open.store(false, Ordering::Relaxed);
    players[1].wait_for(&second);
    assert_eq!(first.refusals() + second.refusals(), 0);
}

#[test]
fn who_leaves_the_desk_waits_no_more() {
    let mut players = players(2);
    let infos = [players[0].info.clone(), players[1].info.clone()];
    let (first, second) = (End::new(0, &infos[1]), End::new(1, &infos[0]));
    players[0].wait_for(&first);
    players[0].desk.leave();
    players[1].wait_for(&second);
    assert_eq!(first.refusals() + second.refusals(), 0);
}
