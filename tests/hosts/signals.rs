//! Signals, sent to a real child process.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use greenroom::prelude::*;

use super::within_time;

struct Signalled {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Signalled {
    /// Starts the child in one of its modes, and waits until it listens.
    fn start(mode: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_signalled"))
            .arg(mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut started = Self { child, lines };
        assert_eq!(started.line(), "ready");
        started
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it is read");
        line.trim_end().to_owned()
    }

    /// Returns the lines up to its end.
    fn rest(&mut self) -> Vec<String> {
        let lines = self.lines.by_ref().lines();
        lines.map(|line| line.expect("it is read")).collect()
    }

    fn send(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the end, and returns the status if it ended by itself.
    fn status(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Signalled {
    fn drop(&mut self) {
        // One that a failed test leaves behind.
        let _gone = self.child.kill();
    }
}

#[test]
fn the_first_signal_cancels_with_itself_as_the_cause() {
    within_time("a first signal", || {
        for (signal, cause) in [
            ("-INT", "Some(Interrupt): interrupted (SIGINT)"),
            ("-TERM", "Some(Terminate): asked to terminate (SIGTERM)"),
        ] {
            let mut child = Signalled::start("leave");
            child.send(signal);
            assert_eq!(child.line(), cause);
            assert_eq!(child.status(), Some(0));
        }
    });
}

#[test]
fn the_second_signal_ends_the_process_at_once() {
    within_time("a second signal", || {
        for (first, second, status) in [
            ("-INT", "-INT", 130),
            ("-TERM", "-TERM", 143),
            ("-INT", "-TERM", 143),
            ("-TERM", "-INT", 130),
        ] {
            let mut child = Signalled::start("stay");
            child.send(first);
            assert_ne!(child.line(), "");
            child.send(second);
            assert_eq!(child.status(), Some(status), "{first} {second}");
        }
    });
}

#[test]
fn two_runtimes_and_two_contexts_hear_the_same_signal() {
    within_time("two runtimes", || {
        let mut child = Signalled::start("two");
        child.send("-TERM");
        for _ in 0..3 {
            assert!(child.line().starts_with("Some(Terminate)"));
        }
        assert_eq!(child.status(), Some(0));
    });
}

#[test]
fn the_cancel_is_an_event_of_the_driver() {
    within_time("a cancel by a signal", || {
        let mut child = Signalled::start("driver");
        child.send("-INT");
        let event = child.line();
        assert!(
            event.starts_with("event: Cancel by ") && event.contains("signals"),
            "{event}"
        );
        assert!(child.line().starts_with("Some(Interrupt)"));
        child.status();
    });
}

#[test]
fn after_the_end_of_its_runtime_a_signal_is_ignored() {
    within_time("a late signal", || {
        let mut child = Signalled::start("after");
        child.send("-TERM");
        child.send("-TERM");
        let mut stdin = child.child.stdin.take().expect("it is piped");
        stdin.write_all(b"go on\n").expect("it listens");
        assert_eq!(child.line(), "alive");
        assert_eq!(child.status(), Some(0));
    });
}

#[test]
fn a_shutdown_by_a_signal_drains_what_is_queued() {
    within_time("a drain by a signal", || {
        let mut child = Signalled::start("drains");
        child.send("-TERM");
        let rest = child.rest();
        let worked = rest.iter().filter(|line| line.starts_with("work ")).count();
        assert_eq!(worked, 5, "{rest:?}");
        let report = rest.iter().find(|line| line.starts_with("shutdown: "));
        assert!(
            report.is_some_and(|line| line.ends_with(" 0 cut")),
            "{rest:?}"
        );
        assert_eq!(child.status(), Some(0));
    });
}

#[test]
fn a_shutdown_by_a_signal_names_what_it_cut_and_what_is_stuck() {
    within_time("a cut by a signal", || {
        let mut child = Signalled::start("cuts");
        child.send("-INT");
        let rest = child.rest();
        let worker = rest.iter().find(|line| line.contains("/worker#"));
        let told = [
            "Worker)",
            "busy with signalled::Work for ",
            "4 queued",
            "after the cancel",
        ];
        assert!(
            worker.is_some_and(|line| told.iter().all(|told| line.contains(told))),
            "{rest:?}"
        );
        assert_eq!(child.status(), Some(0));

        let mut child = Signalled::start("stuck");
        child.send("-TERM");
        let rest = child.rest();
        let stuck = rest.iter().find(|line| line.contains("is held up by"));
        let told = [
            "/spins#",
            "signalled.rs:",
            "busy with signalled::Work",
            "0 queued",
            "left behind",
        ];
        assert!(
            stuck.is_some_and(|line| told.iter().all(|told| line.contains(told))),
            "{rest:?}"
        );
        assert_eq!(child.status(), Some(0));
    });
}

#[test]
fn a_second_signal_ends_a_shutdown_at_once() {
    within_time("a second signal in a shutdown", || {
        for (first, second, status) in [("-TERM", "-TERM", 143), ("-TERM", "-INT", 130)] {
            let mut child = Signalled::start("cuts");
            child.send(first);
            while child.line() != "closing" {}
            child.send(second);
            assert_eq!(child.status(), Some(status), "{first} {second}");
        }
    });
}

#[test]
fn a_signal_has_the_status_that_shells_know() {
    assert_eq!(Signal::ALL.map(Signal::exit_status), [130, 143]);
}
