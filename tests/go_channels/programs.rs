//! Small programs of channels, as Go's own tests have them.

use std::collections::VecDeque;

use greenroom::channel::{Receiver, RecvError, Sender};
use greenroom::prelude::*;

use crate::support::check;

#[test]
fn many_consumers_share_the_values_of_one_producer_and_the_results_come_to_one_end() {
    check(|scope| async move {
        let (jobs, work) = channel::bounded(3);
        let (results, all) = channel::bounded(3);
        let workers = (0_u64..23).map(|n| {
            let (work, results) = (work.clone(), results.clone());
            scope.go(async move {
                while let Ok(value) = work.recv().await {
                    if n % 7 == value % 7 {
                        sleep(1.millis()).await?;
                    }
                    results.send(value).await?;
                }
                Ok(())
            })
        });
        let workers: Vec<_> = workers.collect();
        drop((work, results));
        let feed = scope.go(async move {
            let mut expected = 0;
            for n in 0..500 {
                let value = [2_u64, 3, 5, 7, 11][n % 5];
                expected += value;
                jobs.send(value).await?;
            }
            Ok(expected)
        });
        let (mut count, mut sum) = (0, 0);
        while let Ok(value) = all.recv().await {
            count += 1;
            sum += value;
        }
        assert_eq!((count, sum), (500, feed.await?));
        for worker in workers {
            worker.await?;
        }
        Ok(())
    });
}

/// A stream that is asked for each of its terms.
struct Stream {
    ask: Sender<()>,
    answer: Receiver<i64>,
}

impl Stream {
    fn start<F>(scope: &Scope, mut term: F) -> Self
    where
        F: AsyncTerm,
    {
        let (ask, asked) = channel::rendezvous::<()>();
        let (tell, answer) = channel::rendezvous();
        scope.go(async move {
            while asked.recv().await.is_ok() {
                let next = term.next().await?;
                if tell.send(next).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        Self { ask, answer }
    }

    async fn get(&self) -> Result<i64> {
        self.ask.send(()).await?;
        Ok(self.answer.recv().await?)
    }
}

trait AsyncTerm: Send + 'static {
    fn next(&mut self) -> impl Future<Output = Result<i64>> + Send;
}

struct Ones;

impl AsyncTerm for Ones {
    async fn next(&mut self) -> Result<i64> {
        Ok(1)
    }
}

struct Sum(Stream, Stream);

impl AsyncTerm for Sum {
    async fn next(&mut self) -> Result<i64> {
        Ok(self.0.get().await? + self.1.get().await?)
    }
}

/// The product of a power series with that of all ones: the sums of the first terms.
struct Integral(Stream, i64);

impl AsyncTerm for Integral {
    async fn next(&mut self) -> Result<i64> {
        self.1 += self.0.get().await?;
        Ok(self.1)
    }
}

#[test]
fn power_series_are_tasks_that_ask_each_other_for_terms() {
    check(|scope| async move {
        let ones = || Stream::start(&scope, Ones);
        let twos = Stream::start(&scope, Sum(ones(), ones()));
        let evens = Stream::start(&scope, Integral(twos, 0));
        let sums = Stream::start(&scope, Integral(evens, 0));
        let mut terms = Vec::new();
        for _ in 0..6 {
            terms.push(sums.get().await?);
        }
        assert_eq!(terms, [2, 6, 12, 20, 30, 42]);
        // Dropping the last stream ends those behind it, one after the other.
        drop(sums);
        scope.join().await
    });
}

#[test]
fn dining_philosophers_with_forks_in_channels_all_eat() {
    check(|scope| async move {
        let forks: Vec<_> = (0..5).map(|_| channel::bounded::<()>(1)).collect();
        for (put, _) in &forks {
            put.send(()).await?;
        }
        let mut eaters = Vec::new();
        for n in 0..5_usize {
            // The last one takes the other fork first: without that they may all wait.
            let (a, b) = if n == 4 { (0, 4) } else { (n, n + 1) };
            let (left, right) = (forks[a].clone(), forks[b].clone());
            eaters.push(scope.go(async move {
                for _ in 0..10 {
                    left.1.recv().await?;
                    right.1.recv().await?;
                    sleep(1.millis()).await?;
                    left.0.send(()).await?;
                    right.0.send(()).await?;
                }
                Ok(10)
            }));
        }
        let mut meals = 0;
        for eater in eaters {
            meals += eater.await?;
        }
        assert_eq!(meals, 50);
        Ok(())
    });
}

#[test]
fn a_subscription_merges_what_it_fetches_and_closes_with_an_error() {
    #[derive(Debug, PartialEq)]
    struct Item(u32);

    check(|scope| async move {
        let (updates, items) = channel::rendezvous();
        let (closing, closings) = channel::rendezvous::<Sender<&'static str>>();
        scope.go(async move {
            let (mut pending, mut next) = (VecDeque::new(), 0);
            let mut wait = 0.millis();
            loop {
                let mut first = pending.pop_front();
                let has_item = first.is_some();
                select! {
                    reply = closings.recv() => {
                        reply?.send("closed by its user").await?;
                        return Ok(());
                    }
                    after(wait), if pending.len() < 3 => {
                        pending.push_back(Item(next));
                        next += 1;
                        wait = 10.millis();
                    }
                    sent = updates.send_from(&mut first), if has_item => sent?,
                }
                pending.extend(first.take());
                if has_item {
                    pending.make_contiguous().sort_by_key(|item: &Item| item.0);
                }
            }
        });
        for n in 0..10 {
            assert_eq!(items.recv().await?, Item(n));
        }
        let (reply, answer) = channel::bounded(1);
        closing.send(reply).await?;
        assert_eq!(answer.recv().await?, "closed by its user");
        assert_eq!(items.recv().await, Err(RecvError::Closed));
        Ok(())
    });
}

#[test]
fn the_first_of_several_replicas_wins_and_the_others_go() {
    check(|scope| async move {
        for fastest in 0..3_u64 {
            let (answers, first) = channel::bounded(1);
            let race = scope.scope(move |inner| async move {
                for n in 0..3 {
                    let answers = answers.clone();
                    inner.go(async move {
                        sleep((1 + (n + 3 - fastest) % 3).millis()).await?;
                        let _late = answers.try_send(n);
                        Ok(())
                    });
                }
                let winner = first.recv().await?;
                inner.cancel("answered");
                Ok(winner)
            });
            assert_eq!(race.await?, fastest);
        }
        Ok(())
    });
}

#[test]
fn a_ring_of_tasks_passes_a_token_round() {
    check(|scope| async move {
        const TASKS: usize = 30;
        let mut ends = Vec::new();
        for _ in 0..TASKS {
            ends.push(channel::rendezvous::<u32>());
        }
        let (start, end) = (ends[0].0.clone(), ends[TASKS - 1].1.clone());
        for n in 0..TASKS - 1 {
            let (from, to) = (ends[n].1.clone(), ends[n + 1].0.clone());
            scope.go(async move {
                while let Ok(token) = from.recv().await {
                    to.send(token + 1).await?;
                }
                Ok(())
            });
        }
        drop(ends);
        for _ in 0..3 {
            start.send(0).await?;
            assert_eq!(end.recv().await?, 29);
        }
        Ok(())
    });
}
