//! Runs the example `digest` on planted trees, beside the commands that it stands for. Expects the
//! escapes of coreutils 9.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

// An example that is tested itself is not built as a program, so its unit tests run from here.
#[path = "main.rs"]
#[allow(dead_code, reason = "its `main` runs as a process of its own")]
mod program;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stopping "at once" means within this, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A directory that goes away with the test.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("digest-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }

    fn plant(&self, path: impl AsRef<Path>, content: &[u8]) {
        let path = self.0.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a directory can be made");
        }
        fs::write(&path, content).expect("a file can be written");
    }

    /// Plants a file of a length that takes minutes to hash, and no room.
    fn plant_endless(&self, path: &str) {
        let file = File::create(self.0.join(path)).expect("a file can be made");
        file.set_len(1 << 40).expect("a sparse file can be made");
    }

    /// Plants a file whose path is longer than the system lets one be named at once.
    fn plant_out_of_reach(&self) {
        // Made from the inside out: each step puts what there is into one more directory.
        let (inner, outer) = (self.0.join("inner"), self.0.join("outer"));
        self.plant("inner/deep", b"content");
        for _ in 0..24 {
            fs::create_dir(&outer).expect("a directory can be made");
            fs::rename(&inner, outer.join("0".repeat(200))).expect("it can be moved");
            fs::rename(&outer, &inner).expect("it can be moved");
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _gone = Command::new("rm").arg("-rf").arg(&self.0).status();
    }
}

/// The example is built with the tests of its package, into a folder beside theirs.
fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    profile.join("examples").join("digest")
}

fn digest(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.arg(dir).args(arguments).stdin(Stdio::null());
    command
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    digest(dir, arguments).output().expect("the example runs")
}

fn reference(dir: &Path) -> Output {
    Command::new("sh")
        .args([
            "-c",
            "find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum",
        ])
        .current_dir(dir)
        .output()
        .expect("sh runs")
}

/// Checks that a tree without anything unreadable gives the reference's output.
fn check(tree: &Tree) {
    let expected = reference(&tree.0);
    assert!(expected.status.success());
    for workers in ["1", "2", "9"] {
        let output = run(&tree.0, &["--workers", workers]);
        assert_eq!(text(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
        assert_same(&output.stdout, &expected.stdout);
    }
}

fn assert_same(output: &[u8], expected: &[u8]) {
    let (mut ours, mut theirs) = (output.split(is_newline), expected.split(is_newline));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return,
            (our, their) => assert_eq!(our.map(text), their.map(text)),
        }
    }
}

fn is_newline(byte: &u8) -> bool {
    *byte == b'\n'
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits for a process; one that outlasts the patience is killed and fails the test.
fn finish(mut child: Child, patience: Duration) -> Output {
    let start = Instant::now();
    while child.try_wait().expect("it can be waited for").is_none() {
        if start.elapsed() > patience {
            child.kill().expect("it can be killed");
            child.wait().expect("it can be waited for");
            panic!("it did not end within {patience:?}");
        }
        nap(5);
    }
    child.wait_with_output().expect("its output can be read")
}

#[allow(
    clippy::disallowed_methods,
    reason = "another process is waited for, which runs on the machine's time"
)]
fn nap(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// Waits until a process has read from a file whose name begins like this.
fn wait_until_reading(child: &mut Child, name: &str) {
    let (start, id) = (Instant::now(), child.id());
    let is_named = |path: &Path| {
        let file = path.file_name().unwrap_or_default();
        file.as_bytes().starts_with(name.as_bytes())
    };
    let is_reading = || {
        let fds = fs::read_dir(format!("/proc/{id}/fd")).ok()?;
        let fd = fds
            .filter_map(Result::ok)
            .find(|fd| fs::read_link(fd.path()).is_ok_and(|to| is_named(&to)))?;
        let info = format!("/proc/{id}/fdinfo");
        let info = fs::read_to_string(Path::new(&info).join(fd.file_name())).ok()?;
        let position: u64 = info.split_whitespace().nth(1)?.parse().ok()?;
        (position > 0).then_some(())
    };
    while is_reading().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().expect("it can be killed");
            panic!("{name} is never read");
        }
        nap(5);
    }
}

fn interrupt(child: &Child) {
    signal(child, "-INT");
}

fn signal(child: &Child, signal: &str) {
    let killed = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
}

#[test]
fn an_empty_tree_gives_nothing() {
    let tree = Tree::new("empty");
    fs::create_dir_all(tree.0.join("a/b/c")).expect("a directory can be made");
    check(&tree);
}

#[test]
fn thousands_of_files_of_all_sizes() {
    let tree = Tree::new("sizes");
    let noise: Vec<u8> = (0_u32..3_000_000)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for i in 0..3000 {
        let len = (i * i * 7) % 5000;
        tree.plant(format!("d{}/e{}/f{i}", i % 7, i % 31), &noise[..len]);
    }
    for i in 0..50 {
        tree.plant(format!("empty/{i}"), b"");
    }
    // Around the length of one read, and around that from which on a file is nobody's own.
    for len in [262_143, 262_144, 262_145, 524_287, 524_288, 524_289] {
        tree.plant(format!("edge/{len}"), &noise[..len]);
    }
    for i in 0..70 {
        tree.plant(format!("large/{i}"), &noise[i..600_000 + 10 * i]);
    }
    tree.plant("largest", &noise);
    check(&tree);
}

#[test]
fn names_of_every_kind() {
    let tree = Tree::new("names");
    for name in [
        "with space",
        " ",
        "-",
        "-n",
        "--help",
        "new\nline",
        "\n",
        "back\\slash",
        "\\",
        "\\n",
        "car\rriage",
        "\r",
        "\\\n\r",
        "tab\t",
        "quo'te\"",
        "*",
        "a",
        "a.b",
        "a-b",
        "A",
        "é",
        "#",
        "\u{1}",
        "\u{7f}",
    ] {
        tree.plant(name, name.as_bytes());
        tree.plant(
            Path::new("dir").join(format!("{name}.d")).join(name),
            b"deeper",
        );
    }
    for name in [&b"\xff"[..], b"\xc3(", b"a\xffb", b"\x80\n\\"] {
        tree.plant(OsStr::from_bytes(name), name);
        tree.plant(
            Path::new(OsStr::from_bytes(name))
                .with_extension("d")
                .join("x"),
            name,
        );
    }
    check(&tree);
}

#[test]
fn a_slash_sorts_as_the_byte_it_is() {
    let tree = Tree::new("order");
    for name in ["ab", "a/b", "a.b", "a-b", "a/b.c/d", "a/b-c", "a0"] {
        tree.plant(name, name.as_bytes());
    }
    check(&tree);
}

#[test]
fn deep_nesting() {
    let tree = Tree::new("deep");
    let mut path = PathBuf::new();
    for level in 0..300 {
        path.push(format!("level{level}"));
        tree.plant(path.join("file"), format!("{level}").as_bytes());
    }
    check(&tree);
}

#[test]
fn only_regular_files_are_read() {
    let tree = Tree::new("kinds");
    tree.plant("dir/file", b"content");
    for (to, link) in [
        ("..", "dir/up"),
        ("loop", "loop"),
        ("loop-b", "loop-a"),
        ("loop-a", "loop-b"),
        ("nowhere", "dangling"),
        ("dir", "to-dir"),
        ("dir/file", "to-file"),
        ("/dev/zero", "endless"),
    ] {
        symlink(to, tree.0.join(link)).expect("a link can be made");
    }
    let fifo = Command::new("mkfifo").arg(tree.0.join("fifo")).status();
    assert!(fifo.expect("mkfifo runs").success());
    let _socket = UnixListener::bind(tree.0.join("socket")).expect("a socket can be made");
    check(&tree);
}

#[test]
fn a_tree_may_be_reached_by_a_link_and_by_a_relative_path() {
    let tree = Tree::new("reached");
    tree.plant("dir/file", b"content");
    symlink("dir", tree.0.join("link")).expect("a link can be made");
    let expected = reference(&tree.0.join("dir")).stdout;
    assert_same(&run(&tree.0.join("link"), &[]).stdout, &expected);
    let output = digest(Path::new("dir"), &[]).current_dir(&tree.0).output();
    assert_same(&output.expect("the example runs").stdout, &expected);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_done() {
    let tree = Tree::new("reach");
    for i in 0..200 {
        tree.plant(format!("near/{i}"), b"content");
    }
    tree.plant_out_of_reach();
    let expected = reference(&tree.0);
    assert!(!expected.status.success());
    let output = run(&tree.0, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_same(&output.stdout, &expected.stdout);
    let told = text(&output.stderr);
    assert!(told.starts_with("digest: ./inner/000"), "{told}");
    assert!(told.ends_with(": File name too long\n"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn fail_fast_ends_at_what_cannot_be_read() {
    let tree = Tree::new("fast");
    tree.plant_endless("endless");
    tree.plant_out_of_reach();
    let start = Instant::now();
    let child = digest(&tree.0, &["--fail-fast", "--workers", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let output = finish(child, PATIENCE);
    assert!(start.elapsed() < AT_ONCE);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let told = text(&output.stderr);
    assert!(told.ends_with(": File name too long\n"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn what_is_forbidden_is_told_with_the_reason() {
    let tree = Tree::new("forbidden");
    tree.plant("tree/open", b"content");
    tree.plant("tree/no\nfile", b"content");
    tree.plant("tree/dir/file", b"content");
    let forbid = |path: &str, mode| {
        fs::set_permissions(tree.0.join(path), fs::Permissions::from_mode(mode))
            .expect("permissions can be set");
    };
    forbid("tree/no\nfile", 0o000);
    forbid("tree/dir", 0o000);
    forbid("", 0o755);
    // To the administrator nothing is forbidden: another user runs it then, from where that user may.
    let is_root = File::open(tree.0.join("tree/no\nfile")).is_ok();
    let mut command = digest(&tree.0.join("tree"), &[]);
    if is_root {
        let copy = tree.0.join("digest");
        fs::copy(binary(), &copy).expect("the example can be copied");
        command = Command::new(copy);
        command.arg(tree.0.join("tree")).uid(65534).gid(65534);
    }
    let output = command.output().expect("the example runs");
    forbid("tree/dir", 0o755);
    assert_eq!(output.status.code(), Some(1));
    let mut told: Vec<_> = text(&output.stderr).lines().map(str::to_owned).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "digest: ./dir: Permission denied",
            "digest: ./no\\nfile: Permission denied",
        ]
    );
    assert_eq!(text(&output.stdout).lines().count(), 1);
    assert!(text(&output.stdout).ends_with("  ./open\n"));
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let tree = Tree::new("pipe");
    for i in 0..3000 {
        tree.plant(format!("dir/a-name-that-takes-some-room-{i}"), b"");
    }
    let mut child = digest(&tree.0, &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let mut line = [0; 64];
    let mut stdout = child.stdout.take().expect("it is piped");
    stdout.read_exact(&mut line).expect("there is output");
    drop(stdout);
    let output = finish(child, PATIENCE);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(141));
}

#[test]
fn a_full_disk_is_told() {
    let full = File::options().write(true).open("/dev/full");
    let tree = Tree::new("full");
    tree.plant("file", b"content");
    let output = digest(&tree.0, &[])
        .stdout(full.expect("the device is there"))
        .output();
    let output = output.expect("the example runs");
    assert_eq!(
        text(&output.stderr),
        "digest: write error: No space left on device\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn time_out_in_the_middle_of_a_file() {
    let tree = Tree::new("time-out");
    tree.plant("small", b"content");
    tree.plant_endless("endless");
    let start = Instant::now();
    let child = digest(&tree.0, &["--timeout", "300ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let output = finish(child, PATIENCE);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(start.elapsed() < AT_ONCE);
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(text(&output.stderr), "digest: timed out after 300ms\n");
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_time_out_that_is_not_reached_changes_nothing() {
    let tree = Tree::new("in-time");
    tree.plant("small", b"content");
    let output = run(&tree.0, &["--timeout", "10m"]);
    assert_same(&output.stdout, &reference(&tree.0).stdout);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn ctrl_c_in_the_middle_of_a_file() {
    let tree = Tree::new("ctrl-c");
    for i in 0..8 {
        tree.plant_endless(&format!("endless{i}"));
    }
    let mut child = digest(&tree.0, &["--workers", "3"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    wait_until_reading(&mut child, "endless");
    let start = Instant::now();
    interrupt(&child);
    let output = finish(child, PATIENCE);
    assert!(start.elapsed() < AT_ONCE);
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(text(&output.stderr), "digest: interrupted\n");
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_sigterm_in_the_middle_of_a_file() {
    let tree = Tree::new("sigterm");
    tree.plant_endless("endless");
    let mut child = digest(&tree.0, &["--workers", "3"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    wait_until_reading(&mut child, "endless");
    signal(&child, "-TERM");
    let output = finish(child, PATIENCE);
    assert_eq!(output.status.code(), Some(143));
    assert_eq!(text(&output.stderr), "digest: terminated\n");
}

#[test]
fn ctrl_c_while_nobody_reads_the_output() {
    let tree = Tree::new("unread");
    for i in 0..3000 {
        tree.plant(format!("dir/a-name-that-takes-some-room-{i}"), b"");
    }
    let mut child = digest(&tree.0, &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let mut first = [0; 1];
    let mut stdout = child.stdout.take().expect("it is piped");
    stdout.read_exact(&mut first).expect("there is output");
    nap(100);
    assert!(child.try_wait().expect("it can be waited for").is_none());
    interrupt(&child);
    let output = finish(child, PATIENCE);
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(text(&output.stderr), "digest: interrupted\n");
}

#[test]
fn wrong_usage_is_explained() {
    let tree = Tree::new("usage");
    tree.plant("file", b"content");
    let check = |dir: &Path, arguments: &[&str], expected: &str| {
        let output = run(dir, arguments);
        let told = text(&output.stderr);
        assert!(told.contains(expected), "{told}");
        assert!(!told.contains("panicked"), "{told}");
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert_eq!(output.stdout, b"");
    };
    let dir = &tree.0;
    check(&dir.join("gone"), &[], "gone: No such file or directory\n");
    check(&dir.join("file"), &[], "file: Not a directory\n");
    check(dir, &["--workers", "0"], "from 1 to 256");
    check(dir, &["--workers", "many"], "from 1 to 256");
    check(dir, &["--timeout", "5"], "such as 500ms, 5s, 2m or 1h");
    check(dir, &["--timeout", "soon"], "such as 500ms, 5s, 2m or 1h");
    check(dir, &["--fast"], "unexpected argument '--fast'");
    check(dir, &["another"], "unexpected argument 'another'");
}

#[test]
fn help_tells_the_options() {
    let output = run(Path::new("--help"), &[]);
    assert_eq!(output.status.code(), Some(0));
    for option in ["--workers", "--timeout", "--fail-fast", "<DIR>"] {
        assert!(text(&output.stdout).contains(option));
    }
}

#[test]
fn nothing_is_drawn_where_there_is_no_terminal() {
    let tree = Tree::new("no-terminal");
    tree.plant("file", &vec![7; 5_000_000]);
    let output = run(&tree.0, &[]);
    assert_eq!(output.stderr, b"");
}
