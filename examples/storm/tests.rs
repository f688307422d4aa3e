//! Runs small storms as programs of their own, with fixed seeds, and ends some of them early.
#![cfg(unix)]

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

// An example that is tested itself is not built as a program, so its unit tests run from here.
#[path = "main.rs"]
#[allow(dead_code, reason = "its `main` runs as a process of its own")]
mod program;

fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    profile.join("examples").join("storm")
}

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the example was built")
}

fn run(arguments: &[&str]) -> Output {
    start(arguments)
        .wait_with_output()
        .expect("it can be waited for")
}

fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    kill.args([name, &child.id().to_string()]);
    assert!(kill.status().expect("there is a `kill`").success());
}

/// Checks that the account of a storm is right, and returns it.
fn check(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert_eq!(err, "");
    assert!(out.ends_with("the account is right\n"), "{out}");
    assert!(out.contains("leaks: 0\n"), "{out}");
    out
}

#[test]
fn each_message_and_value_has_one_fate() {
    for seed in ["1", "2"] {
        let out = check(&run(&["--seconds", "2", "--seed", seed]));
        for row in ["asks", "tells", "jobs", "pipeline", "channel", "leases"] {
            let has_row = out.lines().any(|line| line.starts_with(row));
            assert!(has_row, "no {row} in {out}");
        }
        assert!(!out.contains("ended early"), "{out}");
    }
}

#[test]
fn a_part_runs_alone() {
    let out = check(&run(&["--seconds", "1", "--only", "pools"]));
    assert!(!out.contains("pipeline"), "{out}");
}

#[test]
fn a_signal_ends_it_in_order_with_its_account() {
    for (name, told, after) in [
        ("-TERM", "SIGTERM", 300),
        ("-TERM", "SIGTERM", 1_100),
        ("-INT", "SIGINT", 700),
    ] {
        let child = start(&["--seconds", "600", "--seed", "3"]);
        pause(Duration::from_millis(after));
        signal(&child, name);
        let output = child.wait_with_output().expect("it can be waited for");
        let out = check(&output);
        assert!(out.contains("ended early") && out.contains(told), "{out}");
    }
}

#[test]
fn a_wrong_argument_is_named() {
    for (arguments, told) in [
        (["--seconds", "0"], "1..=86400"),
        (["--only", "goto"], "there are: actors, pools"),
        (["--arbiters", "many"], "invalid digit"),
    ] {
        let output = run(&arguments);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains(told), "{err}");
    }
}

#[test]
fn a_closed_pipe_is_quiet() {
    let mut child = start(&["--seconds", "1", "--only", "pools"]);
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it can be waited for");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Lets real time pass, for a process that knows no other.
fn pause(time: Duration) {
    thread::park_timeout(time);
}
