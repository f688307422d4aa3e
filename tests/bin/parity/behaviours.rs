//! The tests of Go's behaviours, found by their names.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::rows::read;

/// A test function, or a file that must not compile.
#[derive(Debug)]
pub(crate) struct Test {
    /// The file, from the root of the repository.
    pub(crate) file: String,
    pub(crate) name: String,
}

impl Test {
    /// The CH-03 of `ch_03_length_counts_what_is_stored`.
    pub(crate) fn id(&self) -> Option<String> {
        let mut parts = self.name.splitn(3, '_');
        let (letters, digits, _rest) = (parts.next()?, parts.next()?, parts.next()?);
        let is_id = letters.chars().all(|c| c.is_ascii_lowercase())
            && digits.len() == 2
            && digits.chars().all(|c| c.is_ascii_digit());
        is_id.then(|| format!("{}-{digits}", letters.to_uppercase()))
    }

    /// The name as a sentence.
    pub(crate) fn sentence(&self) -> String {
        self.name.replace('_', " ")
    }

    /// Whether it stands in a file of Go's behaviours.
    pub(crate) fn is_of_go(&self) -> bool {
        self.file.split('/').any(|part| part.starts_with("go_"))
    }

    /// The name of the subject: the `go_context` of its path.
    pub(crate) fn subject(&self) -> &str {
        let part = self.file.split('/').find(|part| part.starts_with("go_"));
        part.unwrap_or_default()
            .trim_end_matches(".rs")
            .trim_start_matches("go_")
    }
}

/// Returns all tests of the repository, in the order of their files and lines.
pub(crate) fn tests(root: &Path) -> io::Result<Vec<Test>> {
    let mut files = Vec::new();
    walk(root, "tests", &mut files)?;
    for entry in std::fs::read_dir(root.join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        walk(root, &format!("crates/{name}/tests"), &mut files)?;
    }
    files.sort();
    let mut tests = Vec::new();
    for file in files {
        let stem = file
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs");
        if file.starts_with("tests/compile_fail/") {
            tests.push(Test {
                name: stem.to_owned(),
                file,
            });
            continue;
        }
        let text = read(&root.join(&file))?;
        tests.extend(functions(&text).map(|name| Test {
            file: file.clone(),
            name,
        }));
    }
    Ok(tests)
}

/// Finds the functions under `#[test]`.
fn functions(text: &str) -> impl Iterator<Item = String> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        let function = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.split('(').next());
        match function {
            Some(name) => std::mem::take(&mut is_test).then(|| name.to_owned()),
            None => {
                // Other attributes may stand between.
                is_test = line == "#[test]" || is_test && line.starts_with('#');
                None
            }
        }
    })
}

fn walk(root: &Path, folder: &str, files: &mut Vec<String>) -> io::Result<()> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            walk(root, &name, files)?;
        } else if name.ends_with(".rs") {
            files.push(name);
        }
    }
    Ok(())
}

/// The table: each id with its words and its tests.
pub(crate) fn table(root: &Path, tests: &[Test]) -> io::Result<String> {
    let mut by_id: BTreeMap<String, Vec<&Test>> = BTreeMap::new();
    for test in tests {
        if let Some(id) = test.id() {
            by_id.entry(id).or_default().push(test);
        }
    }
    let mut out = "| Id | Go | Test |\n| --- | --- | --- |\n".to_owned();
    for line in read(&root.join("tests/go/behaviours.txt"))?.lines() {
        let (id, words) = (line.split_once(' '))
            .ok_or_else(|| io::Error::other(format!("tests/go/behaviours.txt: {line:?}")))?;
        let found = by_id.get(id).into_iter().flatten();
        let names: Vec<String> = found.map(|test| format!("`{}`", test.name)).collect();
        out += &format!("| {id} | {} | {} |\n", words.trim(), names.join(", "));
    }
    Ok(out)
}

/// The list of what the files of Go's behaviours prove beside the table.
pub(crate) fn further(tests: &[Test]) -> String {
    let mut subjects: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
    for test in tests
        .iter()
        .filter(|test| test.is_of_go() && test.id().is_none())
    {
        subjects.entry(test.subject()).or_default().push(test);
    }
    let mut out = String::new();
    for (subject, tests) in subjects {
        out += &format!("**{}**\n\n", subject.replace('_', " "));
        for test in tests {
            out += &format!("- {}\n", test.sentence());
        }
        out.push('\n');
    }
    out.trim_end().to_owned() + "\n"
}
