//! The paths that a source names, with its imports spelled out.

use std::collections::BTreeMap;

use crate::source::{Kind, Source, Token};

/// A path in the code, such as `std::thread::sleep` or `todo!`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

impl Mention {
    /// Returns whether the pattern's segments stand in the path, side by side. A segment of the
    /// pattern may end with `*`; a `*` at the end of the path, from an import, may be any segment.
    pub(crate) fn has(&self, pattern: &str) -> bool {
        let pattern: Vec<&str> = pattern.split("::").collect();
        self.path.windows(pattern.len()).any(|window| {
            let globbed = pattern.len() > 1;
            window
                .iter()
                .zip(&pattern)
                .all(|(segment, wanted)| match wanted.strip_suffix('*') {
                    Some(start) => segment.starts_with(start),
                    None => segment == wanted || (globbed && segment == "*"),
                })
        })
    }
}

/// Lists the paths of a source in their order. An imported name stands for what it was imported from.
pub(crate) fn mentions(source: &Source) -> Vec<Mention> {
    let tokens = &source.tokens;
    let mut aliases = BTreeMap::new();
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let Some(word) = tokens[i].word() else {
            i += 1;
            continue;
        };
        // `use<..>` is a bound, not an import.
        if word == "use" && !tokens.get(i + 1).is_some_and(|next| next.is('<')) {
            i = import(tokens, i + 1, &[], &mut aliases, &mut found);
            continue;
        }
        let is_method = i > 0 && tokens[i - 1].is('.');
        let line = tokens[i].line;
        let mut path = vec![word.to_owned()];
        while let [
            Token {
                kind: Kind::Into, ..
            },
            next,
            ..,
        ] = &tokens[i + 1..]
            && let Some(word) = next.word()
        {
            path.push(word.to_owned());
            i += 2;
        }
        if let [mark, after, ..] = &tokens[i + 1..]
            && mark.is('!')
            && !after.is('=')
        {
            path.last_mut().into_iter().for_each(|last| last.push('!'));
        }
        found.push((is_method, Mention { line, path }));
        i += 1;
    }
    let spelled_out = |(is_method, mut mention): (bool, Mention)| {
        if !is_method && let Some(full) = aliases.get(&mention.path[0]) {
            mention.path.splice(..1, full.iter().cloned());
        }
        mention
    };
    found.into_iter().map(spelled_out).collect()
}

// Reads one tree of an import; returns the index after it.
fn import(
    tokens: &[Token],
    mut i: usize,
    prefix: &[String],
    aliases: &mut BTreeMap<String, Vec<String>>,
    found: &mut Vec<(bool, Mention)>,
) -> usize {
    let mut path = prefix.to_vec();
    let mut line = tokens.get(i).map_or(0, |token| token.line);
    let mut alias = None;
    while let Some(token) = tokens.get(i) {
        match &token.kind {
            Kind::Word(word) if word == "as" => {
                alias = tokens.get(i + 1).and_then(Token::word).map(str::to_owned);
                i += 1;
            }
            Kind::Word(word) if word == "self" && !prefix.is_empty() => {}
            Kind::Word(word) => {
                line = token.line;
                path.push(word.clone());
            }
            Kind::Mark('*') => path.push("*".to_owned()),
            Kind::Mark('{') => {
                i += 1;
                while tokens.get(i).is_some_and(|token| !token.is('}')) {
                    let end = import(tokens, i, &path, aliases, found);
                    // Past the comma, and past a mark of a macro that no import has.
                    i = if tokens.get(end).is_some_and(|token| token.is('}')) {
                        end
                    } else {
                        end + 1
                    };
                }
                return i + 1;
            }
            Kind::Into => {}
            Kind::Mark(_) => break,
        }
        i += 1;
    }
    if let Some(name) = alias.or_else(|| path.last().cloned()) {
        // `use name;` stands for itself.
        if path.len() > 1 || path[0] != name {
            aliases.insert(name, path.clone());
        }
        found.push((true, Mention { line, path }));
    }
    i
}

#[cfg(test)]
fn listed(text: &str) -> Vec<String> {
    (mentions(&Source::new("a.rs", text)).iter())
        .map(|mention| mention.path.join("::"))
        .collect()
}

#[test]
fn an_import_is_spelled_out_where_it_is_used() {
    let text = "use std::{sync::{self, Mutex as Lock}, thread};\nfn f() { thread::sleep(D); x.thread(); Lock::new(); sync::atomic::fence() }";
    let paths = listed(text);
    for path in [
        "std::sync",
        "std::sync::Mutex",
        "std::thread",
        "std::thread::sleep",
        "std::sync::Mutex::new",
        "std::sync::atomic::fence",
        "thread",
    ] {
        assert!(
            paths.iter().any(|found| found == path),
            "{path} is not in {paths:?}"
        );
    }
    assert_eq!(
        listed("impl Sized + use<F>; a != b; vec![1]"),
        ["impl", "Sized", "use", "F", "a", "b", "vec!", "1"]
    );
}

#[test]
fn a_pattern_matches_whole_segments_side_by_side() {
    let has = |path: &str, pattern: &str| {
        let path = path.split("::").map(str::to_owned).collect();
        Mention { line: 1, path }.has(pattern)
    };
    assert!(has("std::time::Instant::now", "Instant::now"));
    assert!(has("actix_rt::spawn", "actix*"));
    assert!(has("tokio::*", "tokio::spawn"));
    assert!(has("tokio::time", "tokio::time"));
    assert!(!has("crate::time::sleep", "tokio::time"));
    assert!(!has("crate::*", "fastrand"));
    assert!(!has("interactix", "actix*"));
}
