//! The end of a scope, when others are in it from outside.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use greenroom_actor::{Actor, Address, Runtime};
use greenroom_core::Driver;
use greenroom_core::doc_support::block_on;
use greenroom_core::driver::{Alarm, Event, TimerKey};
use greenroom_core::task::Task;
use greenroom_core::time::{Durations, sleep};
use parking_lot::Mutex;

/// Fails if a program does not end.
fn within(patience: Duration, program: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    let runs = std::thread::spawn(move || {
        program();
        done.send(()).ok();
    });
    match is_done.recv_timeout(patience) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => unreachable!("it hangs"),
        _ => runs.join().expect("the program does not panic"),
    }
}

#[test]
fn a_waker_that_panics_keeps_no_one_else_waiting() {
    struct Broken;
    impl Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("a foreign waker");
        }
    }
    std::panic::set_hook(Box::new(|_| ()));
    within(Duration::from_secs(10), || {
        let runtime = Runtime::builder()
            .single_thread()
            .paused()
            .build()
            .expect("starts");
        runtime
            .block_on(|scope| async move {
                scope.go(async { Ok(sleep(1.secs()).await?) }).detach();
                let foreign = scope.clone();
                let mut join = Box::pin(async move { foreign.join().await });
                let waker = Waker::from(Arc::new(Broken));
                let polled = join.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
                scope.join().await
            })
            .expect("nothing fails");
        assert!(runtime.shutdown(1.secs()).is_clean());
    });
}

/// Stops a foreign thread in the middle of its spawn until nothing is left for the runtime to do.
struct Gate {
    hub: Arc<dyn Driver>,
    // Of the foreign thread: told once that it is there, and told to go on.
    arrived: Mutex<Option<Sender<()>>>,
    released: Mutex<Option<Receiver<()>>>,
    release: Mutex<Option<Sender<()>>>,
}

impl Driver for Gate {
    fn spawn(&self, task: Task) {
        self.hub.spawn(task);
    }

    fn deliver(&self, event: Event) {
        event.take_effect();
    }

    fn now(&self) -> Instant {
        if std::thread::current().name() == Some("foreign") {
            let (arrived, released) = (self.arrived.lock().take(), self.released.lock().take());
            arrived.inspect(|arrived| _ = arrived.send(()));
            released.inspect(|released| _ = released.recv());
        }
        self.hub.now()
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        self.hub.sleep(until, alarm)
    }

    fn forget(&self, timer: TimerKey) {
        self.hub.forget(timer);
    }

    fn choose(&self, options: usize) -> usize {
        self.hub.choose(options)
    }

    fn idle(&self) -> bool {
        let release = self.release.lock().take();
        release.inspect(|release| _ = release.send(()));
        false
    }
}

#[test]
fn an_actor_that_comes_while_the_scope_ends_is_drained_too() {
    struct Late;
    impl Actor for Late {}
    within(Duration::from_secs(10), || {
        let (arrived, has_arrived) = channel();
        let (release, released) = channel();
        let runtime = Runtime::builder()
            .single_thread()
            .driver(move |hub| {
                Arc::new(Gate {
                    hub,
                    arrived: Mutex::new(Some(arrived)),
                    released: Mutex::new(Some(released)),
                    release: Mutex::new(Some(release)),
                })
            })
            .build()
            .expect("starts");
        let (keep, kept) = channel::<Address<Late>>();
        runtime
            .block_on(|scope| async move {
                let foreign = std::thread::Builder::new().name("foreign".into());
                foreign.spawn(move || {
                    let late = block_on(async { scope.spawn(|| Late).await });
                    keep.send(late.expect("the scope is open")).ok();
                })?;
                has_arrived.recv()?;
                Ok(())
            })
            .expect("nothing fails");
        drop(kept);
    });
}
