//! Pipelines, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

#[path = "../common/mod.rs"]
mod common;

mod consumers;
mod ending;
mod failures;
mod model;
mod on_arbiters;
mod workers;

use greenroom_patterns::pipeline::Stage;
use greenroom_patterns::prelude::*;

/// Four ways to build a stage.
fn stages() -> [Stage; 4] {
    [
        stage("plain"),
        stage("unordered").workers(3).unordered(),
        stage("ordered").workers(3),
        stage("buffered").workers(2).buffer(3),
    ]
}
