//! GO.md.

use std::io;
use std::path::Path;

use crate::behaviours;
use crate::rows::{Part, Row, Template, expected, read};

pub(crate) fn render(root: &Path, template: &Template) -> io::Result<String> {
    let tests = behaviours::tests(root)?;
    let mut out = String::new();
    for part in &template.0 {
        match part {
            Part::Text(line) => {
                out += line;
                out.push('\n');
            }
            Part::Row(row) => out += &render_row(root, row)?,
            Part::Index => out += &index(&template.rows()),
            Part::Behaviours => out += &behaviours::table(root, &tests)?,
            Part::Further => out += &behaviours::further(&tests),
        }
    }
    Ok(out)
}

/// Returns the number of the first line in which two texts differ.
pub(crate) fn first_difference(expected: &str, found: &str) -> Option<usize> {
    if expected == found {
        return None;
    }
    let (mut a, mut b) = (expected.lines(), found.lines());
    (1..).find(|_| {
        let (a, b) = (a.next(), b.next());
        a != b || a.is_none()
    })
}

fn index(rows: &[Row]) -> String {
    let mut out = "| | Go | Here | Programs |\n| --- | --- | --- | --- |\n".to_owned();
    for row in rows {
        let Row {
            key,
            go,
            here,
            heading,
            ..
        } = row;
        out += &format!(
            "| [{heading}](#{}) | {go} | {here} | [`{key}/main.go`](tests/go/{key}/main.go), [`{key}.rs`](examples/{key}.rs) |\n",
            anchor(heading)
        );
    }
    out
}

/// The name that a heading has in a link.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn render_row(root: &Path, row: &Row) -> io::Result<String> {
    let key = &row.key;
    let go = read(&root.join(format!("tests/go/{key}/main.go")))?;
    let mut out = format!("Go: `tests/go/{key}/main.go`\n\n{}", block("go", &go));
    let ours = root.join(format!("examples/{key}.rs"));
    if ours.exists() {
        let ours = block("rust", code(&read(&ours)?));
        out += &format!("\nHere: `examples/{key}.rs`\n\n{ours}");
    }
    let order = if row.is_any_order {
        ", in an order that varies"
    } else {
        ""
    };
    out += &format!(
        "\nBoth print{order}:\n\n{}",
        block("text", &expected(root, row)?)
    );
    Ok(out)
}

/// An example without its module docs, which stand beside it here, and without its lint.
fn code(text: &str) -> &str {
    match text.find("\nuse ") {
        Some(start) => &text[start + 1..],
        None => text,
    }
}

fn block(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n", text.trim_end())
}
