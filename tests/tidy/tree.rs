//! The files that the rules read.

use std::fs;
use std::path::{Path, PathBuf};

use crate::manifest::Manifest;
use crate::source::Source;

/// The Rust sources and manifests of the repository.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    pub(crate) sources: Vec<Source>,
    pub(crate) manifests: Vec<Manifest>,
}

impl Tree {
    pub(crate) fn load() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut files = Vec::new();
        for folder in ["crates", "tests", "examples"] {
            walk(&root.join(folder), folder, &mut files);
        }
        files.push("Cargo.toml".to_owned());
        files.sort();
        let read = |path: &String| text(&root, path);
        let mut sources: Vec<Source> = (files.iter())
            .filter(|path| path.ends_with(".rs"))
            .map(|path| Source::new(path, &read(path)))
            .collect();
        mark_test_files(&mut sources);
        let manifests = (files.iter())
            .filter(|path| path.ends_with("Cargo.toml"))
            .map(|path| Manifest::new(path, &read(path)))
            .collect();
        Self {
            root,
            sources,
            manifests,
        }
    }

    /// Reads another file of the repository.
    pub(crate) fn text(&self, path: &str) -> String {
        text(&self.root, path)
    }

    pub(crate) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }

    /// Returns the sources in a folder, relative to it.
    pub(crate) fn files_in(&self, folder: &str) -> Vec<String> {
        (self.sources.iter())
            .filter_map(|source| source.path.strip_prefix(folder)?.strip_prefix('/'))
            .map(str::to_owned)
            .collect()
    }
}

/// Marks the files whose module is declared under `#[cfg(test)]`, and those below them.
pub(crate) fn mark_test_files(sources: &mut [Source]) {
    let modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in sources {
        source.is_test = modules.iter().any(|module| {
            (source.path.strip_prefix(module.as_str()))
                .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
    }
}

fn text(root: &Path, path: &str) -> String {
    match fs::read_to_string(root.join(path)) {
        Ok(text) => text,
        Err(error) => panic!("{path} cannot be read: {error}"),
    }
}

// A folder that does not exist yet has no files.
fn walk(folder: &Path, name: &str, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{name}/{file}");
        if entry.path().is_dir() {
            if file != "target" && !file.starts_with('.') {
                walk(&entry.path(), &path, files);
            }
        } else if file.ends_with(".rs") || file == "Cargo.toml" {
            files.push(path);
        }
    }
}
