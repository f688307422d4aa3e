//! A cache: reads without a message, one load for each key.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let items = Cache::spawn(&scope, cache().capacity(2)).await?;
    items.set("a", 1).await?;
    items.set("b", 2).await?;
    items.set("c", 3).await?;
    out.show(format!(
        "{} entries, a is {:?}",
        items.len(),
        items.get("a")
    ))?;
    out.verify_eq("the oldest made room", &items.get("a"), &None)?;

    let loads = State::spawn(&scope, 0).await?;
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (items, loads) = (items.clone(), loads.clone());
            scope.go(async move {
                let loader = move || async move {
                    loads.update(|loads| *loads += 1).await?;
                    sleep(10.millis()).await?;
                    Ok(4)
                };
                Ok(items.get_or_insert_with("d", loader).await?)
            })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await?;
    }
    out.verify_eq("each task has the value", &sum, &40)?;
    let loads = loads.read(|loads| *loads).await?;
    out.show(format!("10 tasks asked, {loads} loaded"))?;
    out.verify_eq("one load for all who ask", &loads, &1)
}
