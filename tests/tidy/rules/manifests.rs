//! Rules of manifests: who depends on what, and what every member says.

use super::Breach;
use crate::manifest::Manifest;

const OWNERS: &str = "actix is a dependency of greenroom-actor alone, dashmap of greenroom-core alone (greenroom-bench measures both)";

pub(crate) fn owners_of_dependencies(manifest: &Manifest) -> Vec<Breach> {
    let package = package(manifest);
    if !manifest.path.starts_with("crates/") || package == "greenroom-bench" {
        return Vec::new();
    }
    let owner = |name: &str| match name {
        "dashmap" => Some("greenroom-core"),
        _ if name.starts_with("actix") => Some("greenroom-actor"),
        _ => None,
    };
    (manifest.dependencies().iter())
        .filter(|dependency| owner(&dependency.name).is_some_and(|owner| owner != package))
        .map(|dependency| {
            breach(
                manifest,
                dependency.line,
                format!("depends on {}", dependency.name),
                OWNERS,
            )
        })
        .collect()
}

const RENAMED: &str =
    "a dependency of the workspace goes by its own name, so that these checks see it";

pub(crate) fn own_names(manifest: &Manifest) -> Vec<Breach> {
    let lines = manifest.renamed().into_iter();
    lines
        .map(|line| breach(manifest, line, "is renamed".to_owned(), RENAMED))
        .collect()
}

const ARROWS: &str = "dependencies go one way: facade -> patterns, testkit -> actor -> core; testkit is for tests only";
const ARROWS_OF: [(&str, &[&str]); 6] = [
    ("greenroom-core", &[]),
    ("greenroom-macros", &[]),
    ("greenroom-actor", &["greenroom-core"]),
    ("greenroom-patterns", &["greenroom-actor", "greenroom-core"]),
    (
        "greenroom-testkit",
        &["greenroom-actor", "greenroom-core", "greenroom-macros"],
    ),
    (
        "greenroom",
        &["greenroom-actor", "greenroom-core", "greenroom-patterns"],
    ),
];

pub(crate) fn arrows(manifest: &Manifest) -> Vec<Breach> {
    let package = package(manifest);
    if !manifest.path.starts_with("crates/") || package == "greenroom-bench" {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS_OF.iter().find(|(name, _)| *name == package) else {
        return vec![breach(
            manifest,
            1,
            format!("{package} has no row in ARROWS_OF of tests/tidy/rules/manifests.rs"),
            ARROWS,
        )];
    };
    (manifest.dependencies().iter())
        .filter(|dependency| dependency.name.starts_with("greenroom"))
        .filter(|dependency| !allowed.contains(&dependency.name.as_str()))
        .filter(|dependency| !(dependency.is_dev && dependency.name == "greenroom-testkit"))
        .map(|dependency| {
            breach(
                manifest,
                dependency.line,
                format!("{package} depends on {}", dependency.name),
                ARROWS,
            )
        })
        .collect()
}

const NO_EXECUTOR: &str = "core and patterns know no executor";

pub(crate) fn no_executor(manifest: &Manifest) -> Vec<Breach> {
    if !["greenroom-core", "greenroom-patterns"].contains(&package(manifest)) {
        return Vec::new();
    }
    (manifest.dependencies().iter())
        .filter(|dependency| !dependency.is_dev && dependency.name.starts_with("tokio"))
        .map(|dependency| {
            breach(
                manifest,
                dependency.line,
                format!("depends on {}", dependency.name),
                NO_EXECUTOR,
            )
        })
        .collect()
}

const LINTS: &str = "every member has `[lints] workspace = true`";

pub(crate) fn workspace_lints(manifest: &Manifest) -> Vec<Breach> {
    let has = manifest
        .values("lints", "workspace")
        .any(|value| value == "true");
    let missing = !manifest.folder().is_empty() && !has;
    missing
        .then(|| {
            breach(
                manifest,
                1,
                "does not take the workspace's lints".to_owned(),
                LINTS,
            )
        })
        .into_iter()
        .collect()
}

const FOLDER: &str = "a crate is named as its folder in crates/";

pub(crate) fn folder_is_name(manifest: &Manifest) -> Vec<Breach> {
    let wrong =
        (manifest.folder().strip_prefix("crates/")).filter(|folder| *folder != package(manifest));
    wrong
        .map(|_| {
            breach(
                manifest,
                1,
                format!("is named {}", package(manifest)),
                FOLDER,
            )
        })
        .into_iter()
        .collect()
}

const MEMBERS: &str = "every folder in crates/ that has a manifest is a member of the workspace";

pub(crate) fn members(root: &Manifest, folders: &[&str]) -> Vec<Breach> {
    let members: Vec<&str> = root.values("workspace", "members").collect();
    let is_listed = |folder: &str| {
        let quoted = format!("\"{folder}\"");
        (members.iter()).any(|list| list.contains(&quoted) || list.contains("\"crates/*\""))
    };
    (folders.iter())
        .filter(|folder| folder.starts_with("crates/") && !is_listed(folder))
        .map(|folder| breach(root, 1, format!("does not list {folder}"), MEMBERS))
        .collect()
}

const TARGETS: &str = "cargo builds a file of tests/ or examples/ only if its manifest lists it";

/// `files` are the Rust files in the manifest's folder, relative to it.
pub(crate) fn listed_targets(manifest: &Manifest, files: &[String]) -> Vec<Breach> {
    let kind = match manifest.folder() {
        "tests" => "test",
        "examples" => "example",
        _ => return Vec::new(),
    };
    let listed: Vec<&str> = manifest
        .values(kind, "path")
        .chain(manifest.values("bin", "path"))
        .collect();
    let is_target = |file: &str| {
        !file.contains('/') || file.ends_with("/main.rs") && file.matches('/').count() == 1
    };
    (files.iter())
        .filter(|file| is_target(file) && !listed.contains(&file.as_str()))
        .filter(|file| *file != "src/main.rs")
        .map(|file| {
            breach(
                manifest,
                1,
                format!("has no [[{kind}]] with path = \"{file}\""),
                TARGETS,
            )
        })
        .collect()
}

fn package(manifest: &Manifest) -> &str {
    manifest
        .values("package", "name")
        .next()
        .unwrap_or_default()
}

fn breach(manifest: &Manifest, line: usize, what: String, rule: &'static str) -> Breach {
    Breach {
        path: manifest.path.clone(),
        line,
        what,
        rule,
    }
}
