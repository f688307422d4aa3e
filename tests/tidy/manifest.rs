//! As much of TOML as the manifests of this workspace use.

/// One `Cargo.toml`.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) path: String,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    line: usize,
    section: String,
    key: String,
    value: String,
}

/// A crate that a manifest asks for.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) line: usize,
    pub(crate) name: String,
    /// Whether only tests, examples and benches see it.
    pub(crate) is_dev: bool,
}

impl Manifest {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let mut section = String::new();
        let mut open = 0_usize;
        for (index, line) in text.lines().enumerate() {
            let line = line.split(" #").next().unwrap_or_default().trim();
            if open > 0 {
                // A value over several lines.
                if let Some(entry) = entries.last_mut() {
                    entry.value.push_str(line);
                }
                open = (open + brackets(line, '[')).saturating_sub(brackets(line, ']'));
            } else if line.starts_with('[') {
                line.trim_matches(['[', ']']).clone_into(&mut section);
            } else if let Some((key, value)) =
                line.split_once('=').filter(|_| !line.starts_with('#'))
            {
                open = brackets(value, '[').saturating_sub(brackets(value, ']'));
                entries.push(Entry {
                    line: index + 1,
                    section: section.clone(),
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                });
            }
        }
        Self {
            path: path.to_owned(),
            entries,
        }
    }

    /// Returns the folder that it is in, from the root of the repository.
    pub(crate) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Returns the values of a key in a section, or in each of the sections of that name.
    pub(crate) fn values<'a>(
        &'a self,
        section: &'a str,
        key: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        (self.entries.iter())
            .filter(move |entry| entry.section == section && entry.key == key)
            .map(|entry| entry.value.trim_matches('"'))
    }

    pub(crate) fn dependencies(&self) -> Vec<Dependency> {
        let mut out: Vec<Dependency> = Vec::new();
        for entry in &self.entries {
            // `[dependencies]`, `[dependencies.name]`, `[target.'cfg(..)'.dependencies]`.
            let Some((before, after)) = entry.section.split_once("dependencies") else {
                continue;
            };
            if before.starts_with("workspace.") {
                continue;
            }
            let table = after.trim_start_matches('.');
            let key = if table.is_empty() {
                entry.key.as_str()
            } else {
                table
            };
            let name = key
                .split('.')
                .next()
                .unwrap_or_default()
                .trim_matches(['"', '\'']);
            let renamed = if table.is_empty() || entry.key != "package" {
                package_of(&entry.value)
            } else {
                Some(entry.value.trim_matches('"'))
            };
            out.push(Dependency {
                line: entry.line,
                name: renamed.unwrap_or(name).to_owned(),
                is_dev: before.ends_with("dev-"),
            });
        }
        out
    }

    /// Returns the lines of the workspace's dependencies that go by another name than their own.
    pub(crate) fn renamed(&self) -> Vec<usize> {
        (self.entries.iter())
            .filter(|entry| entry.section.starts_with("workspace.dependencies"))
            .filter(|entry| entry.key == "package" || package_of(&entry.value).is_some())
            .map(|entry| entry.line)
            .collect()
    }
}

fn brackets(text: &str, bracket: char) -> usize {
    text.chars().filter(|c| *c == bracket).count()
}

// The value of `package` in an inline table.
fn package_of(value: &str) -> Option<&str> {
    let (_, after) = value.strip_prefix('{')?.split_once("package")?;
    after
        .trim_start()
        .strip_prefix('=')?
        .trim_start()
        .strip_prefix('"')?
        .split('"')
        .next()
}

#[test]
fn dependencies_are_found_in_every_form() {
    let text = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = { package = \"real\", version = \"1\" } # why\n[dev-dependencies.c]\nversion = \"1\"\n[target.'cfg(unix)'.dependencies]\nd = \"1\"\n[[test]]\npath = \"p.rs\"\n[[test]]\npath = \"q.rs\"\n[features]\nx = [\n  \"dep:a\",\n]\ny = []\n";
    let manifest = Manifest::new("crates/x/Cargo.toml", text);
    let names: Vec<(String, bool, usize)> = manifest
        .dependencies()
        .into_iter()
        .map(|d| (d.name, d.is_dev, d.line))
        .collect();
    let expected = [
        ("a", false, 4),
        ("real", false, 5),
        ("c", true, 7),
        ("d", false, 9),
    ];
    assert_eq!(
        names,
        expected.map(|(name, is_dev, line)| (name.to_owned(), is_dev, line))
    );
    assert_eq!(
        manifest.values("test", "path").collect::<Vec<_>>(),
        ["p.rs", "q.rs"]
    );
    assert_eq!(manifest.values("features", "y").collect::<Vec<_>>(), ["[]"]);
    assert_eq!(manifest.folder(), "crates/x");
}
