//! Cancel on SIGINT, in a real child process.

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Command, Stdio};

#[test]
fn a_worker_loop_stops_with_sigint_and_the_program_ends_in_order() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_signalled"))
        .arg("worker")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    stdout.read_line(&mut ready).unwrap();
    assert_eq!(ready.trim_end(), "ready");
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(
        rest,
        "worker stopped: context cancelled: interrupted (SIGINT)\nended in order\n"
    );
    assert!(child.wait().unwrap().success());
}
