//! Circles that close on several threads at the same time.

use greenroom_actor::Runtime;

use crate::{Reached, Team};

/// Lets several lines run at a time, again and again; each must come to an end.
fn race(lines: &'static [&'static [usize]], rounds: usize, check: fn(&[Reached])) {
    let runtime = Runtime::builder()
        .arbiters(3)
        .build()
        .expect("the threads start");
    let (done, is_done) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let result = runtime.block_on(move |scope| async move {
            let team = Team::spawn(&scope, 3).await?;
            for _ in 0..rounds {
                let mut running = Vec::new();
                for line in lines {
                    let team = team.clone();
                    running.push(scope.go(async move { Ok(team.line(line).await?) }));
                }
                let mut ends = Vec::new();
                for end in running {
                    ends.push(end.await?);
                }
                check(&ends);
            }
            Ok(())
        });
        let _unheard = done.send(());
        result
    });
    let limit = std::time::Duration::from_secs(60);
    if is_done.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        unreachable!("a circle was not seen");
    }
    thread
        .join()
        .expect("no round panics")
        .expect("no round fails");
}

fn refused(ends: &[Reached]) -> usize {
    ends.iter().filter(|end| end.circle().is_some()).count()
}

#[test]
fn of_two_that_race_one_goes_on() {
    race(&[&[0, 1], &[1, 0]], 2000, |ends| {
        assert!(refused(ends) <= 1, "{ends:?}");
        assert!(
            ends.iter().any(|end| matches!(end, Reached::End)),
            "{ends:?}"
        );
    });
}

#[test]
fn of_three_that_race_two_go_on() {
    race(&[&[0, 1], &[1, 2], &[2, 0]], 2000, |ends| {
        assert!(refused(ends) <= 1, "{ends:?}");
    });
}

#[test]
fn lines_without_a_circle_are_never_refused() {
    race(&[&[0, 1, 2], &[0, 2], &[1, 2], &[0, 1]], 1000, |ends| {
        assert_eq!(refused(ends), 0, "{ends:?}");
    });
}
