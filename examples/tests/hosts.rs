//! The examples of hosts as programs of their own: spoken to over sockets, loaded, and told to stop.
#![cfg(unix)]

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// How a host is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Lines,
}

const HOSTS: [(&str, Protocol); 4] = [
    ("host_sync", Protocol::Lines),
    ("host_tokio", Protocol::Lines),
    ("host_axum", Protocol::Http),
    ("host_actix_web", Protocol::Http),
];

struct Host {
    child: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
    protocol: Protocol,
}

impl Host {
    fn start((name, protocol): (&str, Protocol), arguments: &[&str]) -> Self {
        let mut child = Command::new(example(name))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it is read");
        let address = line.trim().strip_prefix("listening on ");
        let address = address.and_then(|address| address.parse().ok());
        Self {
            child,
            output,
            address: address.expect("the first line has the address"),
            protocol,
        }
    }

    fn connect(&self) -> Connection {
        Connection::new(self.address, self.protocol).expect("it listens")
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the end, and returns the status if it ended by itself, and what it said.
    fn left(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait().expect("it is a child") {
                Some(status) => break status,
                None if begun.elapsed() > Duration::from_secs(60) => {
                    unreachable!("it does not end")
                }
                None => pause(),
            }
        };
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("it is read");
        (status.code(), rest)
    }

    /// Waits for an orderly end. Returns what it says of its requests: accepted and answered.
    fn ended(self) -> (u64, u64) {
        let (status, rest) = self.left();
        assert_eq!(status, Some(0), "{rest}");
        let report = rest.lines().find(|line| line.starts_with("shutdown: "));
        assert!(
            report.is_some_and(|line| line.ends_with(", 0 cut")),
            "{rest}"
        );
        let totals = rest.lines().find_map(|line| {
            let (accepted, answered) = line.strip_prefix("accepted ")?.split_once(", answered ")?;
            Some((accepted.parse().ok()?, answered.parse().ok()?))
        });
        totals.unwrap_or_else(|| unreachable!("it says its totals: {rest}"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // One that a failed test leaves behind.
        let _gone = self.child.kill();
    }
}

#[expect(clippy::disallowed_methods, reason = "it waits for another process")]
fn pause() {
    thread::sleep(Duration::from_millis(5));
}

/// The program of an example, which cargo builds beside its tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("there is one");
    let profile = test.ancestors().nth(2).expect("it is in deps");
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --package greenroom-examples --examples` first",
        program.display()
    );
    program
}

struct Connection {
    stream: BufReader<TcpStream>,
    protocol: Protocol,
}

#[derive(Debug)]
enum Reply {
    Answered {
        status: u16,
        text: String,
        is_last: bool,
    },
    /// The connection ended before a byte of an answer came.
    Nothing,
}

impl Connection {
    fn new(address: SocketAddr, protocol: Protocol) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self {
            stream: BufReader::new(stream),
            protocol,
        })
    }

    fn get(&mut self, page: &str) -> Reply {
        let request = match self.protocol {
            Protocol::Lines => format!("{page}\n"),
            Protocol::Http => format!("GET {page} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        };
        if self.stream.get_mut().write_all(request.as_bytes()).is_err() {
            return Reply::Nothing;
        }
        let Some(first) = self.first_line() else {
            return Reply::Nothing;
        };
        match self.protocol {
            Protocol::Lines => {
                let (status, text) = first.split_once(' ').expect("a status and a text");
                Reply::Answered {
                    status: status.parse().expect("a status"),
                    text: text.to_owned(),
                    is_last: false,
                }
            }
            Protocol::Http => self.response(&first),
        }
    }

    /// `None` if the connection has ended; an answer that breaks off is a failure.
    fn first_line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => {
                assert!(line.ends_with('\n'), "an answer broke off: {line:?}");
                Some(line.trim_end().to_owned())
            }
            Err(error) if is_end(&error) && line.is_empty() => None,
            Err(error) => unreachable!("an answer broke off: {error}"),
        }
    }

    fn response(&mut self, first: &str) -> Reply {
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let (mut length, mut is_last) = (0, false);
        loop {
            let line = self.first_line().expect("the headers are whole");
            let line = line.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            is_last |= line == "connection: close";
        }
        let mut text = vec![0; length];
        self.stream
            .read_exact(&mut text)
            .expect("the answer is whole");
        Reply::Answered {
            status: status.expect("a status"),
            text: String::from_utf8(text).expect("a text"),
            is_last,
        }
    }

    fn expect(&mut self, page: &str) -> (u16, String) {
        match self.get(page) {
            Reply::Answered { status, text, .. } => (status, text),
            Reply::Nothing => unreachable!("no answer for {page}"),
        }
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
    )
}

#[test]
fn hits_are_counted_by_page_over_every_connection() {
    for host in HOSTS {
        let host = Host::start(host, &[]);
        let mut first = host.connect();
        assert_eq!(first.expect("/a"), (200, "/a: 1".to_owned()));
        assert_eq!(first.expect("/a"), (200, "/a: 2".to_owned()));
        let mut second = host.connect();
        assert_eq!(second.expect("/a"), (200, "/a: 3".to_owned()));
        assert_eq!(second.expect("/b"), (200, "/b: 1".to_owned()));
        drop((first, second));
        host.signal("-TERM");
        assert_eq!(host.ended(), (4, 4));
    }
}

#[test]
fn a_full_queue_is_refused_with_503() {
    for host in HOSTS {
        let host = Host::start(host, &["--workers", "1", "--queue", "1", "--work", "300"]);
        let statuses: Vec<u16> = thread::scope(|threads| {
            let clients: Vec<_> = (0..10)
                .map(|_| threads.spawn(|| host.connect().expect("/busy").0))
                .collect();
            (clients.into_iter())
                .map(|client| client.join().expect("no panic"))
                .collect()
        });
        let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
        assert!(count(503) >= 1, "{statuses:?}");
        assert!(
            count(200) >= 2,
            "one at work and one in the queue: {statuses:?}"
        );
        assert_eq!(count(200) + count(503), 10, "{statuses:?}");
        host.signal("-INT");
        assert_eq!(host.ended(), (10, 10));
    }
}

#[test]
fn a_deadline_that_passes_is_answered_with_504() {
    for host in HOSTS {
        let host = Host::start(host, &["--work", "60000", "--patience", "50"]);
        assert_eq!(host.connect().expect("/late"), (504, "late".to_owned()));
        host.signal("-TERM");
        assert_eq!(host.ended(), (1, 1));
    }
}

#[test]
fn a_request_that_was_begun_is_answered_after_the_signal() {
    for host in HOSTS {
        let host = Host::start(host, &["--work", "500", "--patience", "20000"]);
        let mut client = host.connect();
        let answered = thread::spawn(move || client.expect("/slow"));
        for _ in 0..40 {
            pause();
        }
        host.signal("-TERM");
        assert_eq!(
            answered.join().expect("no panic"),
            (200, "/slow: 1".to_owned())
        );
        assert_eq!(host.ended(), (1, 1));
    }
}

#[test]
fn a_request_that_takes_longer_than_the_grace_is_cut_and_named() {
    for host in HOSTS {
        let arguments = ["--work", "60000", "--patience", "60000", "--grace", "400"];
        let host = Host::start(host, &arguments);
        let mut client = host.connect();
        let answered = thread::spawn(move || client.get("/long"));
        for _ in 0..40 {
            pause();
        }
        host.signal("-TERM");
        // It is told that the host stops, or its connection ends.
        match answered.join().expect("no panic") {
            Reply::Answered { status, .. } => assert_eq!(status, 503),
            Reply::Nothing => {}
        }
        let (_status, rest) = host.left();
        let job = rest
            .lines()
            .find(|line| line.contains("examples/hits/mod.rs:"));
        assert!(
            job.is_some_and(|line| line.contains("ended after the cancel")),
            "{rest}"
        );
    }
}

#[test]
fn a_second_signal_ends_a_host_at_once() {
    for (first, second, status) in [("-TERM", "-TERM", 143), ("-TERM", "-INT", 130)] {
        for host in HOSTS {
            let host = Host::start(
                host,
                &["--work", "60000", "--patience", "60000", "--grace", "60000"],
            );
            let mut client = host.connect();
            let waits = thread::spawn(move || client.get("/long"));
            for _ in 0..40 {
                pause();
            }
            host.signal(first);
            // Apart, so that they do not count as one.
            for _ in 0..20 {
                pause();
            }
            host.signal(second);
            let (ended, rest) = host.left();
            assert_eq!(ended, Some(status), "{first} {second}: {rest}");
            assert!(!rest.contains("shutdown:"), "{rest}");
            assert!(matches!(waits.join(), Ok(Reply::Nothing)));
        }
    }
}

#[test]
fn a_signal_as_soon_as_it_listens_ends_it_in_order() {
    for host in HOSTS {
        for signal in ["-INT", "-TERM"] {
            let host = Host::start(host, &[]);
            host.signal(signal);
            assert_eq!(host.ended(), (0, 0));
        }
    }
}

/// Clients that send one request after the other until their connection ends.
#[test]
fn under_load_every_accepted_request_is_answered_when_told_to_stop() {
    for host in HOSTS {
        let host = Host::start(host, &["--work", "2", "--queue", "32", "--patience", "200"]);
        let is_over = AtomicBool::new(false);
        let answered: u64 = thread::scope(|threads| {
            let clients: Vec<_> = (0..200)
                .map(|n| {
                    let (host, is_over) = (&host, &is_over);
                    threads.spawn(move || load(host, n, is_over))
                })
                .collect();
            for _ in 0..100 {
                pause();
            }
            host.signal("-TERM");
            // Bounded: those that wait to be connected are refused from now on.
            for _ in 0..20 {
                pause();
            }
            is_over.store(true, SeqCst);
            (clients.into_iter())
                .map(|client| client.join().expect("no panic"))
                .sum()
        });
        let (accepted, said) = host.ended();
        assert!(accepted > 200, "there was load: {accepted}");
        assert_eq!((accepted, said), (answered, answered));
    }
}

/// Returns how many requests of one client were answered.
fn load(host: &Host, client: usize, is_over: &AtomicBool) -> u64 {
    let page = format!("/{}", client % 10);
    let mut answered = 0;
    while !is_over.load(SeqCst) {
        let Ok(mut connection) = Connection::new(host.address, host.protocol) else {
            // Before the end the host is busy; after it nobody listens.
            pause();
            continue;
        };
        while let Reply::Answered {
            status, is_last, ..
        } = connection.get(&page)
        {
            assert!(matches!(status, 200 | 503 | 504), "{status}");
            answered += 1;
            if is_last || is_over.load(SeqCst) {
                break;
            }
        }
    }
    answered
}
