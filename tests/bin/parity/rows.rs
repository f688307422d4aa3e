//! The template of GO.md, and the rows that it names.
//!
//! A line `{{row | Go | here}}` stands for a row: its programs and what they print. A fourth part,
//! `any order`, says that the order of the lines varies. `{{index}}`, `{{behaviours}}` and `{{further}}`
//! stand for what is gathered.

use std::io;
use std::path::Path;

#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The name of the folder in tests/go, and of the example.
    pub(crate) key: String,
    /// The Go construct.
    pub(crate) go: String,
    /// What stands for it here.
    pub(crate) here: String,
    pub(crate) is_any_order: bool,
    /// The heading that it stands under.
    pub(crate) heading: String,
}

#[derive(Debug)]
pub(crate) enum Part {
    Text(String),
    Row(Row),
    Index,
    Behaviours,
    Further,
}

#[derive(Debug)]
pub(crate) struct Template(pub(crate) Vec<Part>);

impl Template {
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        Self::parse(&read(&root.join("tests/go/template.md"))?)
    }

    fn parse(text: &str) -> io::Result<Self> {
        let mut parts = Vec::new();
        let mut heading = String::new();
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("## ").or(line.strip_prefix("### ")) {
                title.clone_into(&mut heading);
            }
            let inside = line
                .strip_prefix("{{")
                .and_then(|line| line.strip_suffix("}}"));
            parts.push(match inside {
                None => Part::Text(line.to_owned()),
                Some("index") => Part::Index,
                Some("behaviours") => Part::Behaviours,
                Some("further") => Part::Further,
                Some(row) => Part::Row(parse_row(row, &heading)?),
            });
        }
        Ok(Self(parts))
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let row = |part: &Part| match part {
            Part::Row(row) => Some(row.clone()),
            _ => None,
        };
        self.0.iter().filter_map(row).collect()
    }
}

fn parse_row(text: &str, heading: &str) -> io::Result<Row> {
    let cells: Vec<String> = text
        .split(" | ")
        .map(|cell| cell.trim().to_owned())
        .collect();
    let [key, go, here, rest @ ..] = cells.as_slice() else {
        return Err(io::Error::other(format!(
            "a row has three parts at least: {text}"
        )));
    };
    Ok(Row {
        key: key.clone(),
        go: go.clone(),
        here: here.clone(),
        is_any_order: rest.first().is_some_and(|rest| rest == "any order"),
        heading: heading.to_owned(),
    })
}

/// Returns what both programs of a row are to print.
pub(crate) fn expected(root: &Path, row: &Row) -> io::Result<String> {
    read(&root.join(format!("tests/go/{}/output.txt", row.key)))
}

/// Reads a file, and says which one it was if that fails.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
