//! Ends with a signal, and says what it saw: the child process of the tests of signals.
#![allow(clippy::print_stdout, reason = "the test reads it")]

fn main() {}
