//! The shape of the source tree, checked by machine. ARCHITECTURE.md says what for.
//!
//! Each rule is a function over one file (`tidy/rules/`), so that it can be shown a planted breach
//! (`tidy/planted.rs`). The checks read text, not types: they are the net below the compiler and
//! clippy, for what those cannot say.

#[path = "tidy/manifest.rs"]
mod manifest;
#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/planted.rs"]
mod planted;
#[path = "tidy/rules/mod.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;

use manifest::Manifest;
use rules::Breach;
use source::Source;
use tree::Tree;

fn check(breaches: impl IntoIterator<Item = Breach>) {
    let lines: Vec<String> = breaches
        .into_iter()
        .map(|breach| breach.to_string())
        .collect();
    assert!(
        lines.is_empty(),
        "{} breaches\n{}",
        lines.len(),
        lines.join("\n")
    );
}

fn check_sources(rule: fn(&Source) -> Vec<Breach>) {
    check(Tree::load().sources.iter().flat_map(rule));
}

fn check_manifests(rule: fn(&Manifest) -> Vec<Breach>) {
    check(Tree::load().manifests.iter().flat_map(rule));
}

#[test]
fn the_tree_is_read() {
    let tree = Tree::load();
    assert!(tree.source("crates/greenroom-core/src/lib.rs").is_some());
    assert!(tree.source("tests/tidy/rules/mod.rs").is_some());
    assert!(
        tree.manifests
            .iter()
            .any(|manifest| manifest.path == "Cargo.toml")
    );
}

#[test]
fn actix_stays_in_the_engine() {
    check_sources(rules::actix);
}

#[test]
fn dashmap_stays_in_the_registry() {
    check_sources(rules::dashmap);
}

#[test]
fn actix_and_dashmap_have_one_owner_each() {
    check_manifests(rules::owners_of_dependencies);
    check_manifests(rules::own_names);
}

#[test]
fn dependencies_go_one_way() {
    check_manifests(rules::arrows);
}

#[test]
fn core_and_patterns_know_no_executor() {
    check_manifests(rules::no_executor);
}

#[test]
fn no_code_is_unsafe() {
    check_sources(rules::no_unsafe);
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    check_manifests(rules::workspace_lints);
}

#[test]
fn a_crate_is_named_as_its_folder() {
    check_manifests(rules::folder_is_name);
}

#[test]
fn every_crate_is_a_member() {
    let tree = Tree::load();
    let folders: Vec<&str> = tree.manifests.iter().map(Manifest::folder).collect();
    let root = tree
        .manifests
        .iter()
        .filter(|manifest| manifest.path == "Cargo.toml");
    check(root.flat_map(|root| rules::members(root, &folders)));
}

#[test]
fn nothing_shared_is_static() {
    check_sources(rules::no_statics);
}

#[test]
fn thread_locals_hold_only_what_is_current() {
    check_sources(rules::no_thread_local);
}

#[test]
fn time_chance_and_tasks_come_from_the_driver() {
    check_sources(rules::through_the_driver);
}

#[test]
fn maps_are_ordered_where_order_decides() {
    check_sources(rules::ordered_maps);
}

#[test]
fn patterns_communicate_by_messages_only() {
    check_sources(rules::messages_only);
}

#[test]
fn panics_are_caught_in_one_place() {
    check_sources(rules::one_catch);
}

#[test]
fn select_is_the_only_public_macro() {
    check_sources(rules::public_macros);
}

#[test]
fn every_test_and_example_is_a_target() {
    let tree = Tree::load();
    let rule = |manifest| rules::listed_targets(manifest, &tree.files_in(manifest.folder()));
    check(tree.manifests.iter().flat_map(rule));
}

#[test]
fn every_pattern_has_a_row_in_the_architecture() {
    let tree = Tree::load();
    let architecture = tree.text("ARCHITECTURE.md");
    check(
        tree.sources
            .iter()
            .flat_map(|source| rules::pattern_has_row(source, &architecture)),
    );
}

#[test]
fn every_behaviour_of_go_has_a_test() {
    let tree = Tree::load();
    let text = tree.text("GO.md");
    check(rules::behaviours_have_tests("GO.md", &text, &tree.sources));
}

#[test]
fn no_file_grows_too_long() {
    check_sources(rules::size);
}

#[test]
fn nothing_is_unfinished_or_ignored() {
    check_sources(rules::finished);
}

#[test]
fn the_readme_gives_both_commands() {
    check(rules::readme_commands(
        "README.md",
        &Tree::load().text("README.md"),
    ));
}

#[test]
fn the_architecture_names_checks_that_exist() {
    let tree = Tree::load();
    let text = tree.text("ARCHITECTURE.md");
    let tidy = tree.source("tests/tidy.rs").into_iter();
    check(tidy.flat_map(|tidy| rules::named_checks("ARCHITECTURE.md", &text, tidy)));
    assert!(
        text.lines().count() < 250,
        "ARCHITECTURE.md is a map: keep it under 250 lines"
    );
}

#[test]
fn every_exception_has_a_reason() {
    assert_eq!(rules::exceptions_without_reason(), Vec::<&str>::new());
}
