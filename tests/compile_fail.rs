//! What the compiler says to the mistakes that people make first.
//!
//! The texts are those of one compiler, and another words them differently: they are compared with that
//! one only. `TRYBUILD=overwrite cargo test --test compile_fail` writes them anew.

#![allow(clippy::print_stdout, reason = "it says when it compares nothing")]

use std::process::Command;

/// The compiler that wrote the `.stderr` files.
const WRITTEN_BY: &str = "rustc 1.95.";

#[test]
fn the_first_mistakes_are_named_by_the_compiler() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.expect("there is a compiler").stdout;
    let version = String::from_utf8_lossy(&version);
    if version.starts_with(WRITTEN_BY) {
        trybuild::TestCases::new().compile_fail("compile_fail/*.rs");
    } else {
        // To compile at all is the only thing that would be wrong for certain.
        println!("not compared: the texts are those of {WRITTEN_BY}x, this is {version}");
    }
}
