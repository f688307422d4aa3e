//! A Rust source reduced to its code: comments, literals and lifetimes are blank, lines stay where
//! they were.

use std::ops::RangeInclusive;

/// One source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path from the root of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) tokens: Vec<Token>,
    /// Whether the whole file is a module that exists in tests only.
    pub(crate) is_test: bool,
    code: String,
    /// The lines of items that exist in tests only.
    tests: Vec<RangeInclusive<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(String),
    /// `::`
    Into,
    Mark(char),
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = strip(text);
        let tokens = tokens(&code);
        let tests = test_items(&tokens);
        Self {
            path: path.to_owned(),
            tokens,
            is_test: false,
            code,
            tests,
        }
    }

    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.is_test || self.tests.iter().any(|range| range.contains(&line))
    }

    /// Returns how many lines hold code that is not for tests only.
    pub(crate) fn lines_of_code(&self) -> usize {
        self.code
            .lines()
            .enumerate()
            .filter(|(index, line)| !line.trim().is_empty() && !self.is_test_line(index + 1))
            .count()
    }

    /// Returns the paths, without `.rs`, of the files whose module is declared for tests only.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let folder = match name {
            "mod" | "lib" | "main" => folder,
            _ => stem,
        };
        (self
            .tokens
            .windows(3)
            .filter(|next| self.is_test_line(next[0].line)))
        .filter_map(|next| match (&next[0].kind, &next[1].kind, &next[2].kind) {
            (Kind::Word(keyword), Kind::Word(module), Kind::Mark(';')) if keyword == "mod" => {
                Some(format!("{folder}/{module}"))
            }
            _ => None,
        })
        .collect()
    }
}

impl Token {
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// Blanks comments, the inside of literals, and lifetimes.
fn strip(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let after_word = i > 0 && is_word(at(i - 1));
        let end = match (at(i), at(i + 1)) {
            ('/', '/') => (i..chars.len())
                .find(|&n| at(n) == '\n')
                .unwrap_or(chars.len()),
            ('/', '*') => end_of_comment(&chars, i),
            ('"', _) => end_of_string(&chars, i),
            ('\'', '\\') => end_of_escape(&chars, i),
            ('\'', _) if at(i + 2) == '\'' => i + 3,
            ('\'', _) => (i + 1..chars.len())
                .find(|&n| !is_word(at(n)))
                .unwrap_or(chars.len()),
            ('r', '"' | '#') if !after_word || is_literal_prefix(&chars, i) => {
                end_of_raw_string(&chars, i).unwrap_or(i)
            }
            _ => i,
        };
        if end == i {
            out.push(at(i));
            i += 1;
        } else {
            out.extend((i..end).map(|n| if at(n) == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

// The `b` of `br".."` and the `c` of `cr".."`.
fn is_literal_prefix(chars: &[char], r: usize) -> bool {
    matches!(chars[r - 1], 'b' | 'c') && (r < 2 || !is_word(chars[r - 2]))
}

fn end_of_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut i = start;
    while i < chars.len() {
        match chars.get(i..i + 2) {
            Some(['/', '*']) => depth += 1,
            Some(['*', '/']) => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

// `'\n'`, `'\''`, `'\u{1F600}'`.
fn end_of_escape(chars: &[char], start: usize) -> usize {
    (start + 3..chars.len())
        .find(|&n| chars[n] == '\'')
        .map_or(chars.len(), |n| n + 1)
}

// `None` for a raw identifier, `r#type`.
fn end_of_raw_string(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let is_end = |&n: &usize| {
        chars[n] == '"'
            && chars[n + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes
    };
    Some(
        (open + 1..chars.len())
            .find(is_end)
            .map_or(chars.len(), |n| n + 1 + hashes),
    )
}

fn tokens(code: &str) -> Vec<Token> {
    let mut out = Vec::new();
    for (index, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (kind, length) = if is_word(first) {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                (Kind::Word(rest[..length].to_owned()), length)
            } else if rest.starts_with("::") {
                (Kind::Into, 2)
            } else {
                (Kind::Mark(first), first.len_utf8())
            };
            out.push(Token {
                line: index + 1,
                kind,
            });
            rest = rest[length..].trim_start();
        }
    }
    out
}

/// Finds the items under `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
fn test_items(tokens: &[Token]) -> Vec<RangeInclusive<usize>> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let Some(end) = end_of_attribute(tokens, i) else {
            i += 1;
            continue;
        };
        let words: Vec<&str> = tokens[i..end].iter().filter_map(Token::word).collect();
        let is_test =
            words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not");
        if is_test {
            let last = end_of_item(tokens, end);
            out.push(tokens[i].line..=tokens[last].line);
            i = last + 1;
        } else {
            i = end;
        }
    }
    out
}

/// Returns the index after the attribute `#[..]` that begins at `start`.
pub(crate) fn end_of_attribute(tokens: &[Token], start: usize) -> Option<usize> {
    if !tokens[start].is('#') || !tokens.get(start + 1)?.is('[') {
        return None;
    }
    Some(end_of_group(tokens, start + 1) + 1)
}

// The index of the mark that closes the group opened at `open`.
fn end_of_group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len() - 1
}

// The index of the last token of the item whose (further) attributes begin at `start`.
fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut i = start;
    while i < tokens.len() {
        match tokens[i].kind {
            Kind::Mark('#') => i = end_of_attribute(tokens, i).unwrap_or(i + 1),
            Kind::Mark('(' | '[') => i = end_of_group(tokens, i) + 1,
            Kind::Mark('{') => return end_of_group(tokens, i),
            Kind::Mark(';') => return i,
            _ => i += 1,
        }
    }
    tokens.len() - 1
}

#[test]
fn comments_literals_and_lifetimes_are_no_code() {
    let text = r##"let a = "tokio::spawn // \" "; // Mutex
/* a /* nested */ unsafe */ let b: &'static str = r#"todo!("x")"#; let c = '"'; let d = '\''; let r#type = br"x";
"##;
    let words: Vec<String> = tokens(&strip(text))
        .iter()
        .filter_map(|t| t.word().map(str::to_owned))
        .collect();
    assert_eq!(words.join(" "), "let a let b str let c let d let r type b");
    assert_eq!(strip(text).lines().count(), text.lines().count());
}

#[test]
fn test_items_are_told_from_code() {
    let source = Source::new(
        "crates/x/src/a.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\n#[cfg(not(test))]\nfn c() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod far;\nfn d() {}\n",
    );
    let tests: Vec<usize> = (1..=11).filter(|line| source.is_test_line(*line)).collect();
    assert_eq!(tests, [2, 3, 4, 5, 8, 9, 10]);
    assert_eq!(source.lines_of_code(), 4);
    assert_eq!(source.test_modules(), ["crates/x/src/a/far"]);
}
