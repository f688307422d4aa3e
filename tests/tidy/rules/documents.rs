//! Rules of the documents at the root.

use super::{Breach, breach_at};
use crate::source::Source;

const PATTERNS: &str = "every pattern has a row in ARCHITECTURE.md";
const NOT_PATTERNS: [&str; 6] = ["lib", "error", "prelude", "doc_support", "flow", "caught"];

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
