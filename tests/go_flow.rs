//! Generators, pipelines, fans and worker pools as Go's articles and tests write them.

mod support;

use std::collections::BTreeSet;

use greenroom::channel::{Receiver, RecvError};
use greenroom::patterns::generate::generate_with;
use greenroom::patterns::worker_pool::{JobError, TrySubmitError};
use greenroom::prelude::*;
use support::{Boom, check, idle, quiet};

#[test]
fn a_generator_of_nothing_closes_and_one_without_an_end_is_left_at_any_time() {
    check(|scope| async move {
        let none = generate(&scope, Vec::<u8>::new());
        assert_eq!(none.recv().await, Err(RecvError::Closed));
        let naturals = generate(&scope, 0_u64..);
        let mut first = Vec::new();
        while let Ok(n) = naturals.recv().await {
            if n == 5 {
                break;
            }
            first.push(n);
        }
        assert_eq!(first, [0, 1, 2, 3, 4]);
        drop(naturals);
        scope.join().await?;
        assert!(scope.is_empty());
        Ok(())
    });
}

#[test]
fn a_generator_ends_with_the_context_that_it_looks_at() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel();
        let ticks = generate_with(&scope, |out| async move {
            for n in 0_u64.. {
                select! {
                    _ = context.done() => break,
                    sent = out.send(n) => sent?,
                }
            }
            Ok(())
        });
        for n in 0..3 {
            assert_eq!(ticks.recv().await?, n);
        }
        cancel.cancel();
        // One that was offered before may still be taken; then it is closed.
        let rest = ticks.collect().await?;
        assert!(rest.len() <= 1, "{rest:?}");
        Ok(())
    });
}

#[test]
fn squares_of_a_pipeline_of_three_stages_come_in_order() {
    fn sq(scope: &Scope, input: Receiver<u64>) -> Receiver<u64> {
        input.pipe(scope, stage("sq"), |n| async move { Ok(n * n) })
    }
    check(|scope| async move {
        let numbers = generate(&scope, [2, 3]);
        let squared = sq(&scope, sq(&scope, numbers));
        assert_eq!(squared.recv().await?, 16);
        assert_eq!(squared.recv().await?, 81);
        assert_eq!(squared.recv().await, Err(RecvError::Closed));
        Ok(())
    });
}

#[test]
fn two_squarers_share_one_input_and_merge_gives_each_square_once() {
    check(|scope| async move {
        let numbers = generate(&scope, 1..=20_u64);
        let square =
            |input: Receiver<u64>| input.pipe(&scope, stage("sq"), |n| async move { Ok(n * n) });
        let both = vec![square(numbers.clone()), square(numbers)];
        let mut all = merge(&scope, both).collect().await?;
        all.sort_unstable();
        assert_eq!(all, (1..=20).map(|n| n * n).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn a_stage_that_fails_ends_its_pipeline_and_the_result_is_its_error() {
    check(|scope| async move {
        let whole = scope.scope(|inner| async move {
            let numbers = generate(&inner, 0_u32..);
            let broken = numbers.pipe(&inner, stage("broken").workers(3), |n| async move {
                match n {
                    7 => Err(Boom("seven").into()),
                    _ => Ok(n),
                }
            });
            let after = broken.pipe(&inner, stage("after"), |n| async move { Ok(n + 1) });
            Ok(after.fold(0, |sum, n| sum + n).await?)
        });
        let failure = whole.await.unwrap_err();
        assert_eq!(failure.downcast_ref::<Boom>(), Some(&Boom("seven")));
        Ok(())
    });
}

#[test]
fn a_bounded_digest_takes_all_paths_with_twenty_workers_at_most() {
    check(|scope| async move {
        let paths = generate(&scope, 0..100_u32);
        let (now, most) = (
            State::spawn(&scope, 0).await?,
            State::spawn(&scope, 0).await?,
        );
        let (active, peak) = (now.clone(), most.clone());
        let digests = paths.pipe(
            &scope,
            stage("digest").workers(20).unordered(),
            move |path| {
                let (active, peak) = (active.clone(), peak.clone());
                async move {
                    let n = active
                        .update(|n| {
                            *n += 1;
                            *n
                        })
                        .await?;
                    peak.update(move |most| *most = n.max(*most)).await?;
                    sleep(1.millis()).await?;
                    active.update(|n| *n -= 1).await?;
                    Ok(path)
                }
            },
        );
        let mut all = digests.collect().await?;
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        let peak = most.read(|&most| most).await?;
        assert!((2..=20).contains(&peak), "{peak}");
        Ok(())
    });
}

#[test]
fn a_merge_keeps_the_order_of_each_input_and_ends_with_the_last() {
    check(|scope| async move {
        let inputs = (0..4_u32)
            .map(|n| generate(&scope, (0..10 * n).map(move |k| (n, k))))
            .collect();
        let merged = merge(&scope, inputs).collect().await?;
        assert_eq!(merged.len(), 60);
        for n in 0..4 {
            let of_one: Vec<_> = merged
                .iter()
                .filter(|(of, _)| *of == n)
                .map(|(_, k)| *k)
                .collect();
            assert!(of_one.is_sorted());
        }
        Ok(())
    });
}

#[test]
fn three_workers_take_five_jobs_and_each_result_names_its_job() {
    check(|scope| async move {
        let (jobs, work) = channel::bounded(5);
        let (results, all) = channel::bounded(5);
        for worker in 1..=3 {
            let (work, results) = (work.clone(), results.clone());
            scope.go(async move {
                while let Ok(job) = work.recv().await {
                    sleep(1.secs()).await?;
                    results.send((worker, job, job * 2)).await?;
                }
                Ok(())
            });
        }
        drop((work, results));
        let start = scope.context().now();
        for job in 1..=5 {
            jobs.send(job).await?;
        }
        jobs.close();
        let mut done = BTreeSet::new();
        while let Ok((worker, job, double)) = all.recv().await {
            assert!((1..=3).contains(&worker) && double == 2 * job);
            done.insert(job);
        }
        assert_eq!(done, (1..=5).collect());
        assert_eq!(scope.context().now() - start, 2.secs());
        Ok(())
    });
}

#[test]
fn a_pool_with_a_queue_of_one_refuses_a_try_and_holds_a_submit() {
    check(|scope| async move {
        let options = pool("slow").workers(1).queue(1);
        let pool = WorkerPool::spawn(&scope, options, |n: u64| async move {
            sleep(n.millis()).await?;
            Ok(n)
        });
        let pool = pool.await?;
        let running = pool.submit(10).await?;
        idle().await?;
        let queued = pool.try_submit(20)?;
        assert_eq!(pool.try_submit(30).err(), Some(TrySubmitError::Full(30)));
        let start = scope.context().now();
        let held = pool.submit(40).await?;
        assert_eq!(scope.context().now() - start, 9.millis());
        assert_eq!((running.wait().await?, queued.wait().await?), (10, 20));
        assert_eq!(held.wait().await?, 40);
        Ok(())
    });
}

#[test]
fn one_failing_one_panicking_and_one_late_job_leave_the_pool_whole() {
    quiet();
    check(|scope| async move {
        let pool = WorkerPool::spawn(&scope, pool("jobs").workers(2), |n: u32| async move {
            match n {
                1 => Err(Boom("one").into()),
                2 => panic!("two"),
                3 => {
                    sleep(1.secs()).await?;
                    Ok(3)
                }
                _ => Ok(n),
            }
        });
        let pool = pool.await?;
        assert!(matches!(pool.run(1).await, Err(JobError::Failed(_))));
        assert!(matches!(pool.run(2).await, Err(JobError::Panicked(_))));
        let hurried = scope.context().with_timeout(1.millis());
        assert!(matches!(
            hurried.run(pool.run(3)).await?,
            Err(JobError::DeadlineInJob)
        ));
        for n in 4..20 {
            assert_eq!(pool.run(n).await?, n);
        }
        Ok(())
    });
}
