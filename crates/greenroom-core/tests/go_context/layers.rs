//! Contexts of all kinds in random layers, and many cancels at once.

use std::time::Duration;

use greenroom_core::Context;
use greenroom_core::context::CancelCauseHandle;
use greenroom_core::time::Durations;

use crate::threads::race;
use crate::{World, cause, check};

/// A small generator of numbers, so that a failing seed can be run again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Layers below a context: each a value, a cancel that nobody uses, or a late deadline.
fn layers(top: &Context, numbers: &mut Numbers) -> (Vec<Context>, Option<u64>, usize) {
    let mut all = vec![top.clone()];
    let (mut last_value, mut timers) = (None, 0);
    for _ in 0..200 {
        let last = all.last().unwrap();
        let next = match numbers.below(3) {
            0 => {
                let value = numbers.below(1000);
                last_value = Some(value);
                last.with_value(value)
            }
            1 => last.with_cancel().0,
            _ => {
                timers += 1;
                // Each earlier than the one above it, so that each is in force.
                last.with_timeout(Duration::from_secs(10_000 - timers as u64))
            }
        };
        all.push(next);
    }
    (all, last_value, timers)
}

#[test]
fn a_cancel_goes_through_random_layers_and_frees_every_timer() {
    for seed in 0..50 {
        let mut numbers = Numbers(seed);
        let w = World::new();
        let (top, cancel) = w.root.with_cancel_cause();
        let (all, value, timers) = layers(&top, &mut numbers);
        assert_eq!(w.manual.timers(), timers, "seed {seed}");
        let leaf = all.last().unwrap();
        assert_eq!(leaf.value::<u64>().copied(), value, "seed {seed}");
        assert!(all.iter().all(|layer| !layer.is_done()), "seed {seed}");
        cancel.cancel("top");
        for layer in &all {
            check(layer, "cancelled: top");
        }
        assert_eq!(
            leaf.value::<u64>().copied(),
            value,
            "values outlive the end"
        );
        assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
    }
}

#[test]
fn a_deadline_above_random_layers_ends_them_at_its_moment() {
    for seed in 0..50 {
        let mut numbers = Numbers(seed);
        let w = World::new();
        let top = w.root.with_timeout(1.secs());
        let (all, value, _timers) = layers(&top, &mut numbers);
        // The outer one is the earliest: no later one needs a timer.
        assert_eq!(w.manual.timers(), 1, "seed {seed}");
        w.manual.advance(1.secs() - Duration::from_nanos(1));
        assert!(all.iter().all(|layer| !layer.is_done()), "seed {seed}");
        w.manual.advance(Duration::from_nanos(1));
        for layer in &all {
            check(layer, "deadline: deadline exceeded");
            assert_eq!(layer.deadline(), top.deadline());
        }
        assert_eq!(all.last().unwrap().value::<u64>().copied(), value);
    }
}

#[test]
fn many_contexts_cancelled_at_once_in_any_order_all_end_with_one_cause_each() {
    for seed in 0..30 {
        let mut numbers = Numbers(seed);
        let w = World::new();
        // Each below a random one before it.
        let mut nodes: Vec<(Option<usize>, Context, CancelCauseHandle)> = Vec::new();
        for i in 0..100 {
            let above = (i > 0).then(|| usize::try_from(numbers.below(i)).unwrap());
            let parent = above.map_or(&w.root, |above| &nodes[above].1);
            let (child, cancel) = parent.with_cancel_cause();
            nodes.push((above, child, cancel));
        }
        let mut order: Vec<usize> = (0..100).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, usize::try_from(numbers.below(i as u64 + 1)).unwrap());
        }
        let (first, second) = order.split_at(50);
        let cancel_all = |which: &[usize]| {
            for &i in which {
                nodes[i].2.cancel(format!("node {i}"));
                assert!(nodes[i].1.is_done(), "seed {seed}");
            }
        };
        race(&mut [&mut || cancel_all(first), &mut || cancel_all(second)]);
        for (i, (above, node, _)) in nodes.iter().enumerate() {
            let shown = cause(node);
            let own = Some(format!("node {i}"));
            let inherited = above.and_then(|above| cause(&nodes[above].1));
            assert!(shown == own || shown == inherited, "seed {seed}: {shown:?}");
        }
        check(&w.root, None);
    }
}

#[test]
fn who_sees_the_end_sees_the_cause() {
    for _ in 0..300 {
        let w = World::new();
        let (context, cancel) = w.root.with_cancel_cause();
        let leaf = context.with_value(1_u8).with_cancel().0;
        let watch = |context: &Context| {
            while !context.is_done() {
                std::hint::spin_loop();
            }
            assert_eq!(cause(context).as_deref(), Some("stop"));
            assert_eq!(context.err().unwrap().cause().to_string(), "stop");
        };
        race(
            &mut [&mut || watch(&context), &mut || watch(&leaf), &mut || {
                cancel.cancel("stop")
            }],
        );
    }
}
