//! Rules of the documents at the root.

use super::{Breach, breach_at};
use crate::source::Source;

const PATTERNS: &str = "every pattern has a row in ARCHITECTURE.md";
const NOT_PATTERNS: [&str; 8] = [
    "lib",
    "error",
    "prelude",
    "doc_support",
    "flow",
    "caught",
    "detached",
    "lease",
];

pub(crate) fn pattern_has_row(source: &Source, architecture: &str) -> Vec<Breach> {
    let Some(inside) = source.path.strip_prefix("crates/greenroom-patterns/src/") else {
        return Vec::new();
    };
    let module = match inside.split_once('/') {
        Some((module, "mod.rs")) => module,
        Some(_) => return Vec::new(),
        None => inside.trim_end_matches(".rs"),
    };
    let cell = format!("`{module}`");
    let has_row = architecture
        .lines()
        .any(|line| line.starts_with('|') && line.contains(&cell));
    if has_row || source.is_test || NOT_PATTERNS.contains(&module) {
        return Vec::new();
    }
    vec![breach_at(
        source,
        1,
        format!("no table row holds {cell}"),
        PATTERNS,
    )]
}

const COMMANDS: &str = "the README gives the two commands that show and check everything";

pub(crate) fn readme_commands(path: &str, text: &str) -> Vec<Breach> {
    ([
        "cargo run --release --example tour",
        "cargo test --workspace",
    ]
    .iter())
    .filter(|command| !text.lines().any(|line| line.trim() == **command))
    .map(|command| Breach {
        path: path.to_owned(),
        line: 1,
        what: format!("has no line `{command}`"),
        rule: COMMANDS,
    })
    .collect()
}

const CHECKED: &str =
    "a check that ARCHITECTURE.md names as `tidy::name` is a test of tests/tidy.rs";

/// `tidy` is tests/tidy.rs.
pub(crate) fn named_checks(path: &str, text: &str, tidy: &Source) -> Vec<Breach> {
    let is_test = |name: &str| {
        let mut pairs = tidy.tokens.windows(2);
        pairs.any(|pair| pair[0].word() == Some("fn") && pair[1].word() == Some(name))
    };
    let mut out = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for name in line
            .split("`tidy::")
            .skip(1)
            .filter_map(|rest| rest.split('`').next())
        {
            if !is_test(name) {
                out.push(Breach {
                    path: path.to_owned(),
                    line: index + 1,
                    what: format!("names {name}"),
                    rule: CHECKED,
                });
            }
        }
    }
    out
}

const BEHAVIOURS: &str = "each behaviour in the table of GO.md has a test whose name begins with its id, such as `ch_03_`";

/// A file under tests/compile_fail counts as a test of its own name.
pub(crate) fn behaviours_have_tests(path: &str, text: &str, sources: &[Source]) -> Vec<Breach> {
    let tests = sources.iter().filter(|source| is_test_file(&source.path));
    let names: Vec<&str> = tests
        .flat_map(|source| {
            let pairs = source.tokens.windows(2);
            let functions = pairs
                .filter(|pair| pair[0].word() == Some("fn"))
                .filter_map(|pair| pair[1].word());
            functions.chain(source.path.strip_prefix("tests/compile_fail/"))
        })
        .collect();
    let has_test = |id: &str| {
        let start = format!("{}_", id.to_lowercase().replace('-', "_"));
        names.iter().any(|name| name.starts_with(&start))
    };
    let ids = text.lines().enumerate().filter_map(|(index, line)| {
        let id = line.strip_prefix("| ")?.split(' ').next()?;
        is_behaviour(id).then_some((index + 1, id))
    });
    ids.filter(|(_, id)| !has_test(id))
        .map(|(line, id)| Breach {
            path: path.to_owned(),
            line,
            what: format!("{id} has no test"),
            rule: BEHAVIOURS,
        })
        .collect()
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.starts_with("crates/") && path.contains("/tests/")
}

/// Whether a text is the id of a behaviour, such as `CH-03`.
fn is_behaviour(text: &str) -> bool {
    text.split_once('-').is_some_and(|(letters, digits)| {
        !letters.is_empty()
            && letters.chars().all(|c| c.is_ascii_uppercase())
            && digits.len() == 2
            && digits.chars().all(|c| c.is_ascii_digit())
    })
}
