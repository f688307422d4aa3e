//! The rules, each a function from a file to its breaches. Here are those of sources.

mod documents;
mod manifests;

use std::fmt;

pub(crate) use documents::{behaviours_have_tests, named_checks, pattern_has_row, readme_commands};
pub(crate) use manifests::{
    arrows, folder_is_name, listed_targets, members, no_executor, own_names,
    owners_of_dependencies, workspace_lints,
};

use crate::paths::{Mention, mentions};
use crate::source::{Source, end_of_attribute};

/// A place that breaks a rule.
#[derive(Debug)]
pub(crate) struct Breach {
    path: String,
    line: usize,
    what: String,
    rule: &'static str,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}\n    rule: {}",
            self.path, self.line, self.what, self.rule
        )
    }
}

/// A part of the tree that a rule leaves out, and why.
struct Allowed {
    /// The start of a path; without `.rs` it covers a file and a folder.
    start: &'static str,
    why: &'static str,
}

const ACTIX: &str = "actix is named only in greenroom-actor's src/engine and src/interop, so that it can be replaced";
const ACTIX_ALLOWED: [Allowed; 4] = [
    Allowed {
        start: "crates/greenroom-actor/src/engine",
        why: "the adapter",
    },
    Allowed {
        start: "crates/greenroom-actor/src/interop",
        why: "its purpose is to talk to actix",
    },
    Allowed {
        start: "crates/greenroom-actor/tests/interop",
        why: "tests of the above",
    },
    Allowed {
        start: "crates/greenroom-bench/",
        why: "measures actix beside us",
    },
];

pub(crate) fn actix(source: &Source) -> Vec<Breach> {
    if !source.path.starts_with("crates/") || is_allowed(source, &ACTIX_ALLOWED) {
        return Vec::new();
    }
    named(source, &["actix*"], true, ACTIX)
}

const DASHMAP: &str =
    "dashmap is named only in greenroom-core's src/registry: no other map is shared";
const DASHMAP_ALLOWED: [Allowed; 1] = [Allowed {
    start: "crates/greenroom-core/src/registry",
    why: "the one shared map",
}];

pub(crate) fn dashmap(source: &Source) -> Vec<Breach> {
    if !source.path.starts_with("crates/") || is_allowed(source, &DASHMAP_ALLOWED) {
        return Vec::new();
    }
    named(source, &["dashmap"], true, DASHMAP)
}

const UNSAFE: &str = "our own code has no `unsafe`";

pub(crate) fn no_unsafe(source: &Source) -> Vec<Breach> {
    named(source, &["unsafe"], true, UNSAFE)
}

const STATICS: &str = "a registry and a driver are values of a runtime, never a static";
const STATIC_TYPES: [&str; 8] = [
    "Mutex", "RwLock", "OnceLock", "LazyLock", "OnceCell", "Lazy", "DashMap", "DashSet",
];

pub(crate) fn no_statics(source: &Source) -> Vec<Breach> {
    if !is_library(&source.path) {
        return Vec::new();
    }
    let mut out = named(source, &["lazy_static!"], false, STATICS);
    for (index, token) in source.tokens.iter().enumerate() {
        if token.word() != Some("static") || source.is_test_line(token.line) {
            continue;
        }
        let declared = source.tokens[index..]
            .iter()
            .take_while(|token| !token.is('=') && !token.is(';'));
        let shared = declared
            .filter_map(|token| token.word())
            .find(|word| STATIC_TYPES.contains(word));
        out.extend(shared.map(|word| {
            breach_at(
                source,
                token.line,
                format!("a static with a {word}"),
                STATICS,
            )
        }));
    }
    out
}

const THREAD_LOCAL: &str =
    "thread-locals hold what is current and nothing else: greenroom-core/src/current.rs";

pub(crate) fn no_thread_local(source: &Source) -> Vec<Breach> {
    if !is_library(&source.path) || source.path == "crates/greenroom-core/src/current.rs" {
        return Vec::new();
    }
    named(source, &["thread_local!"], false, THREAD_LOCAL)
}

const DRIVER: &str = "time, chance and tasks come from the driver, so that a test can replace it";
const DRIVER_NAMES: [&str; 15] = [
    "Instant::now",
    "SystemTime::now",
    "fastrand",
    "rand",
    "tokio::spawn",
    "tokio::task::spawn",
    "tokio::time",
    "actix::spawn",
    "actix_rt::spawn",
    "spawn_local",
    "spawn_blocking",
    "thread::spawn",
    "thread::scope",
    "thread::Builder",
    "thread::sleep",
];
const DRIVER_ALLOWED: [Allowed; 7] = [
    Allowed {
        start: "crates/greenroom-core/src/current.rs",
        why: "outside a runtime there is no driver to ask",
    },
    Allowed {
        start: "crates/greenroom-core/src/doc_support.rs",
        why: "a driver, for the examples in the docs",
    },
    Allowed {
        start: "crates/greenroom-actor/src/hub",
        why: "the production driver",
    },
    Allowed {
        start: "crates/greenroom-actor/src/engine",
        why: "starts the arbiters that the hub runs on",
    },
    Allowed {
        start: "crates/greenroom-actor/src/interop",
        why: "what stands in for one of ours among actix's actors lives by their rules",
    },
    Allowed {
        start: "crates/greenroom-actor/src/runtime",
        why: "makes the threads and the hosts' entry",
    },
    Allowed {
        start: "crates/greenroom-bench/",
        why: "measures real time, and other frameworks",
    },
];

pub(crate) fn through_the_driver(source: &Source) -> Vec<Breach> {
    if !is_library(&source.path) || is_allowed(source, &DRIVER_ALLOWED) {
        return Vec::new();
    }
    named(source, &DRIVER_NAMES, false, DRIVER)
}

const ORDERED: &str = "maps are ordered in actor and patterns (BTreeMap, IndexMap, slab): a hash order differs in each run";

pub(crate) fn ordered_maps(source: &Source) -> Vec<Breach> {
    let is_in = |start: &&str| source.path.starts_with(*start);
    if ![
        "crates/greenroom-actor/src/",
        "crates/greenroom-patterns/src/",
    ]
    .iter()
    .any(is_in)
    {
        return Vec::new();
    }
    named(source, &["HashMap", "HashSet"], false, ORDERED)
}

const MESSAGES: &str =
    "patterns communicate by messages: no lock, atomic, cell, foreign queue, thread or bare task";
const MESSAGES_NAMES: [&str; 24] = [
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::Condvar",
    "std::sync::Once",
    "std::sync::OnceLock",
    "std::sync::LazyLock",
    "std::sync::Barrier",
    "std::sync::mpsc",
    "sync::atomic",
    "std::cell",
    "core::cell",
    "std::thread",
    "parking_lot",
    "lock_api",
    "dashmap",
    "once_cell",
    "tokio",
    "tokio_util",
    "futures_util::lock",
    "futures_channel",
    "crossbeam*",
    "flume",
    "actix*",
    "spawn_local",
];

pub(crate) fn messages_only(source: &Source) -> Vec<Breach> {
    if !source.path.starts_with("crates/greenroom-patterns/src/") {
        return Vec::new();
    }
    named(source, &MESSAGES_NAMES, true, MESSAGES)
}

const UNWIND: &str =
    "a panic is caught in one file of a crate, unwind.rs, and turned into an exit reason";

pub(crate) fn one_catch(source: &Source) -> Vec<Breach> {
    if !is_library(&source.path) || source.path.ends_with("/unwind.rs") {
        return Vec::new();
    }
    named(source, &["catch_unwind"], false, UNWIND)
}

const MACROS: &str = "the only public macro is `select!` (and the testkit's `test`)";

pub(crate) fn public_macros(source: &Source) -> Vec<Breach> {
    if !is_library(&source.path) || source.path.starts_with("crates/greenroom-core/src/select") {
        return Vec::new();
    }
    named(source, &["macro_export"], false, MACROS)
}

const SIZE: &str = "a source file has at most 500 lines of code, without comments, blank lines and test modules: past that, find the second concept";
const MAX_LINES: usize = 500;

pub(crate) fn size(source: &Source) -> Vec<Breach> {
    let lines = source.lines_of_code();
    let over = lines > MAX_LINES;
    over.then(|| breach_at(source, 1, format!("{lines} lines of code"), SIZE))
        .into_iter()
        .collect()
}

const FINISHED: &str =
    "nothing is left unfinished or switched off: no todo!, unimplemented!, dbg! or #[ignore]";

pub(crate) fn finished(source: &Source) -> Vec<Breach> {
    let mut out = named(source, &["todo!", "unimplemented!", "dbg!"], true, FINISHED);
    for start in 0..source.tokens.len() {
        let Some(end) = end_of_attribute(&source.tokens, start) else {
            continue;
        };
        let words: Vec<&str> = source.tokens[start..end]
            .iter()
            .filter_map(|token| token.word())
            .collect();
        let ignores = words.first() == Some(&"ignore")
            || words.first() == Some(&"cfg_attr") && words.contains(&"ignore");
        out.extend(ignores.then(|| {
            breach_at(
                source,
                source.tokens[start].line,
                "#[ignore]".to_owned(),
                FINISHED,
            )
        }));
    }
    out
}

/// Returns the exceptions without a reason, which there must be none of.
pub(crate) fn exceptions_without_reason() -> Vec<&'static str> {
    let all = ACTIX_ALLOWED
        .iter()
        .chain(&DASHMAP_ALLOWED)
        .chain(&DRIVER_ALLOWED);
    all.filter(|allowed| allowed.why.is_empty())
        .map(|allowed| allowed.start)
        .collect()
}

fn named(source: &Source, patterns: &[&str], in_tests: bool, rule: &'static str) -> Vec<Breach> {
    let is_seen = |mention: &Mention| in_tests || !source.is_test_line(mention.line);
    (mentions(source).iter())
        .filter(|mention| is_seen(mention) && patterns.iter().any(|pattern| mention.has(pattern)))
        .map(|mention| breach_at(source, mention.line, mention.path.join("::"), rule))
        .collect()
}

fn is_allowed(source: &Source, allowed: &[Allowed]) -> bool {
    allowed.iter().any(|allowed| {
        // `engine` covers `engine.rs` and `engine/..`, not `engineer.rs`.
        let rest = source.path.strip_prefix(allowed.start);
        rest.is_some_and(|rest| {
            rest.is_empty() || allowed.start.ends_with('/') || rest.starts_with(['/', '.', '_'])
        })
    })
}

fn is_library(path: &str) -> bool {
    path.starts_with("crates/") && path.contains("/src/")
}

fn breach_at(source: &Source, line: usize, what: String, rule: &'static str) -> Breach {
    Breach {
        path: source.path.clone(),
        line,
        what,
        rule,
    }
}
