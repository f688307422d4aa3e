//! A timer and a ticker against a slow and obvious model, under random operations.

use std::collections::VecDeque;
use std::time::Duration;

use greenroom_core::time::{Tick, Ticker, Timer, tick, timer};
use proptest::prelude::*;

use crate::Clock;

#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    Stop,
    Reset(u64),
    /// Begins a wait.
    Wait,
    Poll(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..12_u64).prop_map(Step::Advance),
        1 => Just(Step::Stop),
        2 => (1..9_u64).prop_map(Step::Reset),
        6 => Just(Step::Wait),
        6 => (0..6_usize).prop_map(Step::Poll),
        4 => (0..6_usize).prop_map(Step::Drop),
    ]
}

/// Moves in steps of one millisecond, and has a slot for one tick.
#[derive(Default)]
struct Model {
    now: u64,
    next: Option<u64>,
    period: Option<u64>,
    slot: Option<u64>,
    /// Those who wait, in order, and those who were handed a tick, with the setting it is of.
    waiting: VecDeque<usize>,
    handed: Vec<(usize, u64, u32)>,
    setting: u32,
    ticked: u32,
    taken: u32,
}

impl Model {
    fn set(&mut self, delay: Option<u64>) -> bool {
        let was_set = self.next.is_some() || self.slot.is_some();
        self.slot = None;
        self.setting += 1;
        self.next = delay.map(|delay| self.now + delay);
        self.period = self.period.and(delay).or(self.period);
        self.come_due();
        was_set
    }

    fn advance(&mut self, by: u64) {
        // The driver tells of what is due when the clock has moved: the ticks of one move are one.
        self.now += by;
        self.come_due();
    }

    fn come_due(&mut self) {
        while let Some(at) = self.next.filter(|&at| at <= self.now) {
            self.next = self.period.map(|period| at + period);
            if self.slot.is_none() {
                self.ticked += 1;
                self.slot = Some(at);
            }
        }
        self.hand();
    }

    fn hand(&mut self) {
        if let (Some(at), Some(&first)) = (self.slot, self.waiting.front()) {
            self.waiting.pop_front();
            self.slot = None;
            self.handed.push((first, at, self.setting));
        }
    }

    fn poll(&mut self, id: usize, is_new: bool) -> Option<u64> {
        if is_new {
            self.waiting.push_back(id);
            self.hand();
        }
        let place = self.handed.iter().position(|&(of, ..)| of == id)?;
        self.taken += 1;
        Some(self.handed.remove(place).1)
    }

    fn leave(&mut self, id: usize) {
        self.waiting.retain(|&of| of != id);
        if let Some(place) = self.handed.iter().position(|&(of, ..)| of == id) {
            let (_, at, setting) = self.handed.remove(place);
            if setting == self.setting {
                self.slot = Some(self.slot.map_or(at, |there| there.min(at)));
                self.hand();
            }
        }
    }
}

enum Either {
    Timer(Timer),
    Ticker(Ticker),
}

impl Either {
    fn wait(&self) -> Tick {
        match self {
            Self::Timer(timer) => timer.fired(),
            Self::Ticker(ticker) => ticker.tick(),
        }
    }
}

fn check(period: Option<u64>, steps: &[Step]) {
    let ms = Duration::from_millis;
    let clock = Clock::new();
    let mut model = Model {
        period,
        next: Some(period.unwrap_or(5)),
        ..Model::default()
    };
    let real = match period {
        Some(period) => Either::Ticker(tick(ms(period)).unwrap()),
        None => Either::Timer(timer(ms(5))),
    };
    let mut waits: Vec<(usize, Tick)> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Advance(by) => {
                clock.advance(by);
                model.advance(by);
            }
            Step::Stop => {
                let want = model.set(None);
                match &real {
                    Either::Timer(timer) => assert_eq!(timer.stop(), want, "step {number}"),
                    Either::Ticker(ticker) => ticker.stop(),
                }
            }
            Step::Reset(delay) => {
                let want = model.set(Some(delay));
                match &real {
                    Either::Timer(timer) => assert_eq!(timer.reset(ms(delay)), want, "{number}"),
                    Either::Ticker(ticker) => ticker.reset(ms(delay)).unwrap(),
                }
            }
            Step::Wait => {
                let mut wait = real.wait();
                let got = clock.poll(&mut wait);
                assert_eq!(got, model.poll(number, true), "step {number}");
                if got.is_none() {
                    waits.push((number, wait));
                }
            }
            Step::Poll(which) if which < waits.len() => {
                let (id, wait) = &mut waits[which];
                let got = clock.poll(wait);
                assert_eq!(got, model.poll(*id, false), "step {number}");
                if got.is_some() {
                    drop(waits.remove(which));
                }
            }
            Step::Drop(which) if which < waits.len() => {
                let (id, wait) = waits.remove(which);
                drop(wait);
                model.leave(id);
            }
            Step::Poll(_) | Step::Drop(_) => {}
        }
        // Never more taken than there was.
        assert!(model.taken <= model.ticked);
        assert!(clock.timers() <= 1);
    }
    drop((waits, real));
    assert_eq!(clock.timers(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_ticker_behaves_as_its_model(
        period in 1..9_u64,
        steps in proptest::collection::vec(step(), 1..100),
    ) {
        check(Some(period), &steps);
    }

    #[test]
    fn a_timer_behaves_as_its_model(steps in proptest::collection::vec(step(), 1..100)) {
        check(None, &steps);
    }
}
