//! The bucket by numbers, and against events at random.

use std::time::Duration;

use proptest::prelude::*;

use super::super::limit::Limit;
use super::{Booked, Bucket, Refusal};

const MS: u128 = 1_000_000;

fn waits(bucket: &mut Bucket, now: u128, tokens: usize) -> Option<u128> {
    let booked = bucket.reserve(now * MS, tokens, None).ok()?;
    Some(booked.at() / MS)
}

#[test]
fn a_full_bucket_gives_its_burst_and_then_at_its_rate() {
    let mut bucket = Bucket::new(Limit::per_second(10), 2);
    assert_eq!(waits(&mut bucket, 0, 2), Some(0));
    assert_eq!(waits(&mut bucket, 0, 1), Some(100));
    assert_eq!(waits(&mut bucket, 0, 2), Some(300));
    assert_eq!(waits(&mut bucket, 250, 1), Some(400));
    assert_eq!(waits(&mut bucket, 1000, 2), Some(1000));
    assert_eq!(waits(&mut bucket, 1000, 0), Some(1000));
}

#[test]
fn what_is_refused_takes_nothing() {
    let mut bucket = Bucket::new(Limit::per_second(10), 2);
    let too_large = Refusal::TooLarge { asked: 3, burst: 2 };
    assert_eq!(bucket.reserve(0, 3, None), Err(too_large));
    assert_eq!(waits(&mut bucket, 0, 2), Some(0));
    let wait = Duration::from_millis(100);
    assert_eq!(
        bucket.reserve(0, 1, Some(99 * MS)),
        Err(Refusal::TooLate { wait })
    );
    assert_eq!(
        bucket
            .reserve(0, 1, Some(100 * MS))
            .map(|booked| booked.at()),
        Ok(100 * MS)
    );
}

#[test]
fn three_in_a_second_are_exact() {
    let mut bucket = Bucket::new(Limit::per_second(3), 1);
    let mut last = 0;
    for n in 0..300 {
        let booked = bucket.reserve(0, 1, None).ok();
        last = booked.map_or(0, |booked| booked.at());
        let exact = n * 1_000_000_000_u128;
        assert_eq!(last, exact.div_ceil(3));
    }
    assert_eq!(last, 299_000_000_000_u128.div_ceil(3));
}

#[test]
fn a_zero_limit_gives_what_is_there_and_never_more() {
    let mut bucket = Bucket::new(Limit::ZERO, 2);
    assert_eq!(waits(&mut bucket, 0, 1), Some(0));
    assert_eq!(bucket.reserve(0, 2, None), Err(Refusal::Never));
    assert_eq!(waits(&mut bucket, 0, 1), Some(0));
    assert_eq!(bucket.reserve(u128::MAX, 1, None), Err(Refusal::Never));
    bucket.set_limit(u128::MAX, Limit::per_second(1));
    assert_eq!(bucket.tokens(u128::MAX), 0);
}

#[test]
fn no_limit_asks_no_burst_and_is_full_afterwards() {
    let mut bucket = Bucket::new(Limit::INFINITE, 0);
    assert_eq!(waits(&mut bucket, 5, usize::MAX), Some(5));
    bucket.set_burst(5 * MS, 3);
    assert_eq!(bucket.tokens(5 * MS), 3);
    bucket.set_limit(5 * MS, Limit::per_second(1));
    assert_eq!(waits(&mut bucket, 5, 3), Some(5));
    assert_eq!(waits(&mut bucket, 5, 1), Some(1005));
}

#[test]
fn a_cancel_gives_back_what_nobody_counts_upon() {
    let mut bucket = Bucket::new(Limit::per_second(10), 4);
    let book = |bucket: &mut Bucket, tokens| bucket.reserve(0, tokens, None).ok();
    let _first = book(&mut bucket, 4);
    let a = book(&mut bucket, 3);
    let _b = book(&mut bucket, 1);
    let c = book(&mut bucket, 1);
    for booked in [c, a].into_iter().flatten() {
        bucket.cancel(100 * MS, &booked);
    }
    // As if the last had never been, and two of the three had not.
    assert_eq!(waits(&mut bucket, 100, 3), Some(500));
}

#[test]
fn a_cancel_that_is_too_late_gives_nothing() {
    let mut bucket = Bucket::new(Limit::per_second(10), 2);
    assert_eq!(waits(&mut bucket, 0, 2), Some(0));
    let booked = bucket.reserve(100 * MS, 2, None).ok();
    for booked in booked.iter() {
        assert_eq!(booked.at(), 200 * MS);
        bucket.cancel(300 * MS, booked);
    }
    assert_eq!(waits(&mut bucket, 300, 2), Some(400));
}

#[test]
fn the_largest_numbers_are_refused_and_do_not_wrap() {
    let mut bucket = Bucket::new(Limit::every(Duration::MAX), usize::MAX);
    let _ = bucket.reserve(0, usize::MAX, None);
    assert_eq!(bucket.reserve(0, usize::MAX, None), Err(Refusal::Never));
    bucket.set_limit(u128::MAX / 2, Limit::new(u64::MAX, Duration::from_nanos(1)));
    let _ = bucket.reserve(u128::MAX / 2, usize::MAX, None);
    bucket.set_limit(u128::MAX / 2, Limit::new(1, Duration::MAX));
    bucket.set_burst(u128::MAX / 2, 0);
    assert_eq!(bucket.tokens(u128::MAX / 2), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Reserve(usize, Option<u64>),
    Cancel(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..2_000_u64).prop_map(Step::Pass),
        4 => (0..7_usize, proptest::option::of(0..1_000_u64)).prop_map(|(n, within)| Step::Reserve(n, within)),
        2 => any::<prop::sample::Index>().prop_map(Step::Cancel),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// At most `burst + limit * elapsed` events in any window, also when promises are given back.
    #[test]
    fn no_window_has_more_than_the_burst_and_its_time(
        events in 1..9_u64,
        per in 1..3_000_u64,
        burst in 0..6_usize,
        steps in steps(),
    ) {
        let mut bucket = Bucket::new(Limit::new(events, Duration::from_nanos(per)), burst);
        let mut now = 0_u128;
        // Those that stand, in the order in which they were promised.
        let mut stand: Vec<Booked> = Vec::new();
        let mut has_cancelled = false;
        for step in steps {
            match step {
                Step::Pass(nanos) => now += u128::from(nanos),
                Step::Reserve(tokens, within) => {
                    let until = within.map(|within| now + u128::from(within));
                    match bucket.reserve(now, tokens, until) {
                        Ok(booked) => {
                            prop_assert!(tokens <= burst && booked.at() >= now);
                            let before = stand.iter().map(Booked::at).max();
                            let is_overtaken = before.is_some_and(|before| booked.at() < before);
                            prop_assert!(!is_overtaken || has_cancelled);
                            prop_assert!(until.is_none_or(|until| booked.at() <= until));
                            if tokens > 0 {
                                stand.push(booked);
                            }
                        }
                        Err(Refusal::TooLarge { .. }) => prop_assert!(tokens > burst),
                        Err(Refusal::TooLate { wait }) => {
                            prop_assert!(until.is_some_and(|until| now + wait.as_nanos() > until));
                        }
                        Err(Refusal::Never) => prop_assert!(false, "it has a limit"),
                    }
                }
                Step::Cancel(which) if !stand.is_empty() => {
                    let booked = stand.remove(which.index(stand.len()));
                    if booked.at() < now {
                        // It was used.
                        stand.push(booked);
                        stand.sort_by_key(Booked::at);
                    }
                    bucket.cancel(now, &booked);
                    has_cancelled = true;
                }
                Step::Cancel(_) => {}
            }
            prop_assert!(bucket.tokens(now) <= burst);
        }
        stand.sort_by_key(Booked::at);
        for (from, first) in stand.iter().enumerate() {
            let mut sum = 0;
            for until in &stand[from..] {
                sum += until.tokens() as u128;
                // Rounding up an end may make a window shorter by less than a nanosecond.
                let elapsed = until.at() - first.at() + 1;
                let most = burst as u128 * u128::from(per) + elapsed * u128::from(events);
                prop_assert!(sum * u128::from(per) <= most, "{stand:?}");
            }
        }
    }
}
