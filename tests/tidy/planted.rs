//! Each rule finds what is planted, and leaves the neighbour of it alone.

use crate::manifest::Manifest;
use crate::rules::{self, Breach};
use crate::source::Source;
use crate::tree::mark_test_files;

const PATTERN: &str = "crates/greenroom-patterns/src/fan.rs";
const ACTOR: &str = "crates/greenroom-actor/src/mailbox.rs";

fn check(rule: fn(&Source) -> Vec<Breach>, path: &str, text: &str, lines: &[usize]) {
    let found = rule(&Source::new(path, text));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected: Vec<String> = lines
        .iter()
        .map(|line| format!("{path}:{line}: "))
        .collect();
    let agrees =
        found.len() == expected.len() && found.iter().zip(&expected).all(|(f, e)| f.starts_with(e));
    assert!(
        agrees,
        "{path} has breaches in lines {lines:?}, found: {found:#?}"
    );
}

fn check_manifest(rule: fn(&Manifest) -> Vec<Breach>, path: &str, text: &str, lines: &[usize]) {
    let found = rule(&Manifest::new(path, text));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected: Vec<String> = lines
        .iter()
        .map(|line| format!("{path}:{line}: "))
        .collect();
    let agrees =
        found.len() == expected.len() && found.iter().zip(&expected).all(|(f, e)| f.starts_with(e));
    assert!(
        agrees,
        "{path} has breaches in lines {lines:?}, found: {found:#?}"
    );
}

#[test]
fn actix_outside_the_engine_is_found() {
    let text =
        "//! actix is fine here.\nuse actix_rt::System;\nfn f() { /* actix */ System::new(); }\n";
    check(rules::actix, ACTOR, text, &[2, 3]);
    check(
        rules::actix,
        "crates/greenroom-actor/src/engineer.rs",
        text,
        &[2, 3],
    );
    check(
        rules::actix,
        "crates/greenroom-actor/src/engine/shell.rs",
        text,
        &[],
    );
    check(
        rules::actix,
        "crates/greenroom-actor/src/interop.rs",
        text,
        &[],
    );
    check(rules::actix, "examples/host_actix.rs", text, &[]);
}

#[test]
fn dashmap_outside_the_registry_is_found() {
    let text = "\nuse dashmap::DashMap;\n";
    check(
        rules::dashmap,
        "crates/greenroom-core/src/watch.rs",
        text,
        &[2],
    );
    check(
        rules::dashmap,
        "crates/greenroom-core/src/registry/names.rs",
        text,
        &[],
    );
}

#[test]
fn a_dependency_of_the_wrong_crate_is_found() {
    let text = "[package]\nname = \"greenroom-patterns\"\n[dependencies]\ndashmap = \"6\"\n[dev-dependencies]\nactix-rt = \"2\"\n";
    check_manifest(
        rules::owners_of_dependencies,
        "crates/greenroom-patterns/Cargo.toml",
        text,
        &[4, 6],
    );
    let renamed = "[workspace.dependencies]\nfine = \"1\"\nact = { package = \"actix\", version = \"0.13\" }\n";
    check_manifest(rules::own_names, "Cargo.toml", renamed, &[3]);
}

#[test]
fn an_arrow_that_points_back_is_found() {
    let core = "[package]\nname = \"greenroom-core\"\n[dependencies]\ngreenroom-actor.workspace = true\ntokio.workspace = true\n[dev-dependencies]\ngreenroom-testkit = \"0\"\ntokio = \"1\"\n";
    check_manifest(
        rules::arrows,
        "crates/greenroom-core/Cargo.toml",
        core,
        &[4],
    );
    check_manifest(
        rules::no_executor,
        "crates/greenroom-core/Cargo.toml",
        core,
        &[5],
    );
    let patterns = "[package]\nname = \"greenroom-patterns\"\n[dependencies]\ngreenroom-actor = \"0\"\ngreenroom-testkit = \"0\"\n";
    check_manifest(
        rules::arrows,
        "crates/greenroom-patterns/Cargo.toml",
        patterns,
        &[5],
    );
    let unknown = "[package]\nname = \"greenroom-new\"\n";
    check_manifest(
        rules::arrows,
        "crates/greenroom-new/Cargo.toml",
        unknown,
        &[1],
    );
}

#[test]
fn unsafe_code_is_found() {
    check(
        rules::no_unsafe,
        ACTOR,
        "// unsafe\nfn f() { unsafe { g() } }\n",
        &[2],
    );
    check(rules::no_unsafe, ACTOR, "#![forbid(unsafe_code)]\n", &[]);
}

#[test]
fn a_manifest_out_of_line_is_found() {
    let text = "[package]\nname = \"actor\"\n[lints.rust]\nunsafe_code = \"allow\"\n";
    check_manifest(
        rules::workspace_lints,
        "crates/greenroom-actor/Cargo.toml",
        text,
        &[1],
    );
    check_manifest(
        rules::folder_is_name,
        "crates/greenroom-actor/Cargo.toml",
        text,
        &[1],
    );
    check_manifest(rules::workspace_lints, "Cargo.toml", "[workspace]\n", &[]);
}

#[test]
fn a_static_registry_is_found() {
    let text = "const A: &'static Mutex<u8> = x();\nstatic NAMES: LazyLock<Mutex<Map>> = LazyLock::new(f);\nstatic TEXT: &str = \"Mutex\";\n#[cfg(test)]\nmod tests { static LOCK: Mutex<()> = f(); }\n";
    check(rules::no_statics, ACTOR, text, &[2]);
    check(
        rules::no_statics,
        ACTOR,
        "lazy_static! { static ref X: u8 = 1; }\n",
        &[1],
    );
    check(
        rules::no_thread_local,
        ACTOR,
        "\nthread_local! { static X: u8 = 1; }\n",
        &[2],
    );
    check(
        rules::no_thread_local,
        "crates/greenroom-core/src/current.rs",
        "thread_local! {}\n",
        &[],
    );
}

#[test]
fn what_goes_around_the_driver_is_found() {
    let text = "use std::time::{Duration, Instant};\nuse std::thread;\nuse tokio::task as t;\nfn f() {\n Instant::now();\n thread::sleep(D);\n t::spawn(g());\n let _ = fastrand::u8(..);\n tokio::time::sleep(D);\n set.spawn_local(g());\n driver.spawn(task);\n}\n#[cfg(test)]\nfn test() { thread::spawn(g) }\n";
    check(rules::through_the_driver, ACTOR, text, &[5, 6, 7, 8, 9, 10]);
    check(
        rules::through_the_driver,
        "crates/greenroom-actor/src/hub/timers.rs",
        text,
        &[],
    );
    check(
        rules::through_the_driver,
        "crates/greenroom-core/tests/threads.rs",
        text,
        &[],
    );
}

#[test]
fn a_map_without_order_is_found() {
    let text = "//! HashMap\nuse std::collections::{BTreeMap, HashMap};\n";
    check(rules::ordered_maps, PATTERN, text, &[2]);
    check(rules::ordered_maps, ACTOR, text, &[2]);
    check(
        rules::ordered_maps,
        "crates/greenroom-core/src/id.rs",
        text,
        &[],
    );
}

#[test]
fn a_pattern_that_shares_memory_is_found() {
    for planted in [
        "use std::sync::{Arc, Mutex};",
        "use std::sync::*;",
        "use std::sync::atomic::AtomicUsize;",
        "fn f(x: &parking_lot::RwLock<u8>) {}",
        "use tokio::sync::mpsc;",
        "fn f() { tokio::spawn(g()); }",
        "fn f() { std::thread::spawn(g); }",
        "use std::cell::RefCell;",
        "#[cfg(test)]\nuse std::sync::RwLock;",
    ] {
        let line = planted.lines().count();
        check(rules::messages_only, PATTERN, planted, &[line]);
        check(rules::messages_only, ACTOR, planted, &[]);
    }
    check(
        rules::messages_only,
        PATTERN,
        "use std::sync::Arc;\nuse crate::once::Once;\n/// tokio\nfn f() { scope.go(g()); }\n",
        &[],
    );
}

#[test]
fn a_second_place_that_catches_panics_is_found() {
    let text = "use std::panic::catch_unwind;\n";
    check(rules::one_catch, ACTOR, text, &[1]);
    check(
        rules::one_catch,
        "crates/greenroom-actor/src/unwind.rs",
        text,
        &[],
    );
}

#[test]
fn a_public_macro_is_found() {
    let text = "#[macro_export]\nmacro_rules! send { () => {} }\n";
    check(rules::public_macros, ACTOR, text, &[1]);
    check(
        rules::public_macros,
        "crates/greenroom-core/src/select/macros.rs",
        text,
        &[],
    );
}

#[test]
fn an_unlisted_target_is_found() {
    let text = "[package]\nname = \"greenroom-tests\"\n[[test]]\nname = \"a\"\npath = \"a.rs\"\n";
    let manifest = Manifest::new("tests/Cargo.toml", text);
    let files = ["a.rs", "b.rs", "common/mod.rs", "c/main.rs"].map(str::to_owned);
    let found: Vec<String> = rules::listed_targets(&manifest, &files)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("\"b.rs\"") && found[1].contains("\"c/main.rs\""),
        "{found:?}"
    );
    let program = format!("{text}[[bin]]\nname = \"c\"\npath = \"c/main.rs\"\n");
    let manifest = Manifest::new("tests/Cargo.toml", &program);
    assert_eq!(rules::listed_targets(&manifest, &files).len(), 1);
}

#[test]
fn a_crate_that_is_no_member_is_found() {
    let root = Manifest::new(
        "Cargo.toml",
        "[workspace]\nmembers = [\n  \"crates/a\",\n  \"tests\",\n]\n",
    );
    assert!(rules::members(&root, &["", "crates/a", "tests"]).is_empty());
    assert_eq!(rules::members(&root, &["crates/a", "crates/b"]).len(), 1);
}

#[test]
fn a_pattern_without_a_row_is_found() {
    let rows = "| Go | module |\n| fan-in | `fan` |\nalso `pool`\n";
    let has_row = |path: &str| rules::pattern_has_row(&Source::new(path, ""), rows).is_empty();
    assert!(has_row(PATTERN));
    assert!(has_row("crates/greenroom-patterns/src/pool/state.rs"));
    assert!(!has_row("crates/greenroom-patterns/src/pool/mod.rs"));
    assert!(!has_row("crates/greenroom-patterns/src/pool.rs"));
}

#[test]
fn a_file_that_grew_too_long_is_found() {
    let long = "// comment\n\nfn f() {}\n".repeat(501);
    check(rules::size, ACTOR, &long, &[1]);
    let long_tests = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
    check(rules::size, ACTOR, &long_tests, &[]);
}

#[test]
fn what_is_unfinished_is_found() {
    let text = "fn f() { todo!() }\nfn g() { dbg!(1); unimplemented!(\"x\") }\n#[ignore = \"slow\"]\nfn t() {}\n#[cfg_attr(miri, ignore)]\nfn u() {}\nfn ignore() { todo != 1; }\n";
    check(rules::finished, "tests/a.rs", text, &[1, 2, 2, 3, 5]);
}

#[test]
fn a_missing_command_is_found() {
    let found = rules::readme_commands("README.md", "```\ncargo test --workspace --lib\n```\n");
    assert_eq!(found.len(), 2);
    let whole = "cargo run --release --example tour\n cargo test --workspace\n";
    assert!(rules::readme_commands("README.md", whole).is_empty());
}

#[test]
fn a_check_that_does_not_exist_is_found() {
    let tidy = Source::new("tests/tidy.rs", "#[test]\nfn real() {}\n");
    let found = rules::named_checks("A.md", "\n`tidy::real`, `tidy::gone`\n", &tidy);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].to_string().starts_with("A.md:2: names gone"),
        "{}",
        found[0]
    );
}

#[test]
fn a_file_for_tests_only_is_known() {
    let mut sources = [
        Source::new(
            "crates/a/src/hub/mod.rs",
            "#[cfg(test)]\nmod tests;\nmod timers;\n",
        ),
        Source::new("crates/a/src/hub/tests.rs", "fn t() {}\n"),
        Source::new("crates/a/src/hub/tests/more.rs", "fn t() {}\n"),
        Source::new("crates/a/src/hub/timers.rs", "fn t() {}\n"),
    ];
    mark_test_files(&mut sources);
    assert_eq!(
        sources.map(|source| source.is_test),
        [false, true, true, false]
    );
}

#[test]
fn a_behaviour_without_a_test_is_found() {
    let text = "| Id | Go |\n| --- | --- |\n| CH-03 | counts |\n| CH-04 | closes |\n| CH-27 | views |\n| [Once](#once) | x |\n";
    let sources = [
        Source::new(
            "tests/go_channel.rs",
            "fn ch_03_counts() {}\n// fn ch_04_in_a_comment() {}\n",
        ),
        Source::new(
            "crates/greenroom-core/src/channel.rs",
            "fn ch_04_is_no_test() {}\n",
        ),
        Source::new("tests/compile_fail/ch_27_views.rs", "fn main() {}\n"),
    ];
    let found: Vec<String> = rules::behaviours_have_tests("GO.md", text, &sources)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("GO.md:4: CH-04 has no test"),
        "{found:?}"
    );
}
