//! The command that compares with Go: what it does without running anything.

use std::process::{Command, Output, Stdio};

fn parity(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(args)
        .output()
        .expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn go_md_is_made_from_the_programs() {
    let check = parity(&["--check"]);
    assert!(check.status.success(), "{}", text(&check.stderr));
}

#[test]
fn the_list_has_a_line_for_each_program() {
    let list = text(&parity(&["--list"]).stdout);
    let mut listed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/go");
    let mut programs: Vec<String> = (std::fs::read_dir(folder).expect("it is there"))
        .flatten()
        .filter(|entry| entry.path().join("main.go").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    listed.sort_unstable();
    programs.sort_unstable();
    assert_eq!(listed, programs);
    assert_eq!(
        text(&parity(&["--list", "--only", "state"]).stdout)
            .lines()
            .count(),
        1
    );
}

#[test]
fn wrong_usage_is_told_and_has_its_own_status() {
    for args in [
        &["--lsit"][..],
        &["--only"],
        &["--only", "nothing"],
        &["--list", "--check"],
        &["--write", "--only", "state"],
        &["state"],
    ] {
        let wrong = parity(args);
        assert_eq!(wrong.status.code(), Some(2), "{args:?}");
        assert!(text(&wrong.stderr).contains("Usage: parity"), "{args:?}");
        assert!(wrong.stdout.is_empty(), "{args:?}");
    }
    let help = parity(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).starts_with("Usage: parity"));
}

#[test]
fn a_closed_stdout_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child = Command::new(env!("CARGO_BIN_EXE_parity"))
        .arg("--list")
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("it is piped");
    std::io::Read::read_to_string(&mut stderr, &mut said).expect("it is read");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(said, "");
}
