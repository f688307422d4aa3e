//! Do not communicate by sharing memory; share memory by communicating.

use std::collections::BTreeMap;

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let data = State::spawn(&scope, BTreeMap::new()).await?;

    let updates = data.clone();
    let writers = scope.go_each(
        ["a", "b", "a", "c", "a"].into_iter().zip(1_u32..),
        move |(key, value)| {
            let data = updates.clone();
            async move {
                Ok(data
                    .update(move |data| *data.entry(key).or_insert(0) += value)
                    .await?)
            }
        },
    );
    writers.await?;
    scope.join().await?;

    let found = data.read(BTreeMap::clone).await?;
    for (key, value) in &found {
        out.show(format!("{key} = {value}"))?;
    }
    out.verify_eq(
        "every update was applied once",
        &found,
        &BTreeMap::from([("a", 9), ("b", 2), ("c", 4)]),
    )?;

    let broken = data.update(|data| {
        data.clear();
        assert!(!data.is_empty(), "a bug in the middle of an update");
    });
    let error = broken
        .await
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    out.show(&error)?;
    out.verify(
        "the caller was told of its panic",
        error.contains("a bug in the middle"),
    )?;
    out.verify_eq(
        "the panic changed nothing",
        &data.read(BTreeMap::clone).await?,
        &found,
    )
}
