//! Jobs of one channel, whose results go to another.

use std::collections::BTreeMap;

use greenroom_core::channel::{self, Receiver, RecvError, SendFromError, Sender};
use greenroom_core::{Context, Result, select};

use super::message::{Answer, Outcome, Queued, Reply, Waiter};

/// In which order results leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As the jobs end.
    Completion,
    /// As the jobs were taken.
    Submission,
}

/// Takes each job of a channel to the queue, and each outcome to the output. Invariant 5.
///
/// At most as many jobs as `window` says are between the two, so that a slow consumer holds up the source. Workers never
/// wait for a consumer: their answers go to a channel without a bound, which the window bounds.
pub(super) async fn serve<J, O>(
    jobs: Receiver<J>,
    queue: Sender<Queued<J, O>>,
    out: Sender<Outcome<O>>,
    order: Order,
    window: impl Fn() -> usize,
    parent: Context,
) -> Result<()> {
    let (context, cancel) = parent.with_cancel_cause();
    let (to_us, answers) = channel::unbounded();
    let mut line = Line::new(order);
    let mut next: Option<Queued<J, O>> = None;
    let mut ready: Option<Outcome<O>> = None;
    let mut is_open = true;
    loop {
        if ready.is_none() {
            ready = line.pop();
        }
        if !is_open && ready.is_none() && line.is_done() {
            return Ok(());
        }
        let takes = is_open && next.is_none() && line.len() < window();
        let (submits, delivers) = (next.is_some(), ready.is_some());
        select! {
            job = jobs.recv(), if takes => match job {
                Ok(job) => {
                    let waiter = Waiter::Batch(line.enter());
                    let reply = Reply::new(to_us.clone(), waiter, context.clone());
                    next = Some(Queued { job, reply });
                }
                Err(RecvError::Closed) => is_open = false,
                Err(_) => return Ok(()),
            },
            sent = queue.send_from(&mut next), if submits => match sent {
                Ok(()) => {}
                // Dropped, the job answers for itself that the pool is closed.
                Err(SendFromError::Closed) => next = None,
                Err(_) => return Ok(()),
            },
            answer = answers.recv() => match answer {
                Ok(Answer::Ended(number, outcome)) => line.put(number, outcome),
                Ok(Answer::Begun) => {}
                Err(_) => return Ok(()),
            },
            sent = out.send_from(&mut ready), if delivers => match sent {
                Ok(()) => line.leave(),
                Err(_) => break,
            },
            _gone = out.closed(), if !delivers => break,
        }
    }
    cancel.cancel("nobody receives the results");
    Ok(())
}

/// The jobs between the source and the output.
struct Line<T> {
    order: Order,
    entered: u64,
    arrived: u64,
    left: u64,
    /// By their place in the output.
    waiting: BTreeMap<u64, T>,
    popped: u64,
}

impl<T> Line<T> {
    fn new(order: Order) -> Self {
        Self {
            order,
            entered: 0,
            arrived: 0,
            left: 0,
            waiting: BTreeMap::new(),
            popped: 0,
        }
    }

    /// Returns the number of a job that enters.
    fn enter(&mut self) -> u64 {
        self.entered += 1;
        self.entered - 1
    }

    /// Keeps the outcome of a job until its turn.
    fn put(&mut self, number: u64, outcome: T) {
        let place = match self.order {
            Order::Completion => self.arrived,
            Order::Submission => number,
        };
        self.arrived += 1;
        self.waiting.insert(place, outcome);
    }

    /// Returns the outcome whose turn it is, if it is there.
    fn pop(&mut self) -> Option<T> {
        let outcome = self.waiting.remove(&self.popped)?;
        self.popped += 1;
        Some(outcome)
    }

    /// Counts an outcome that was delivered.
    fn leave(&mut self) {
        self.left += 1;
    }

    fn len(&self) -> usize {
        usize::try_from(self.entered - self.left).unwrap_or(usize::MAX)
    }

    fn is_done(&self) -> bool {
        self.entered == self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(order: Order, arrivals: &[u64]) -> Vec<u64> {
        let mut line = Line::new(order);
        let mut out = Vec::new();
        for _ in arrivals {
            line.enter();
        }
        for number in arrivals {
            line.put(*number, *number);
            while let Some(outcome) = line.pop() {
                out.push(outcome);
                line.leave();
            }
        }
        assert!(line.is_done());
        out
    }

    #[test]
    fn outcomes_leave_as_they_come_or_as_their_jobs_came() {
        assert_eq!(out(Order::Completion, &[2, 0, 1, 3]), [2, 0, 1, 3]);
        assert_eq!(out(Order::Submission, &[2, 0, 1, 3]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_job_counts_until_its_outcome_was_delivered() {
        let mut line = Line::new(Order::Completion);
        assert_eq!((line.enter(), line.enter(), line.len()), (0, 1, 2));
        line.put(1, ());
        assert_eq!((line.pop(), line.len()), (Some(()), 2));
        line.leave();
        assert_eq!((line.len(), line.is_done()), (1, false));
    }
}
