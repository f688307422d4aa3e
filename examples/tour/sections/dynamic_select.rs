//! `reflect.Select`: a select over channels that are not known to the compiler.

use greenroom::prelude::*;
use greenroom::select::Select;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let mut select = Select::new();
    for n in 1..=4_u32 {
        let (tx, rx) = channel::rendezvous();
        select.recv(&rx, move |got| (n, got.ok()));
        scope
            .go(async move {
                for value in 0..n {
                    tx.send(value).await?;
                }
                Ok(())
            })
            .detach();
    }
    let (mut values, mut closed) = (0, Vec::new());
    while !select.is_empty() {
        match select.wait().await? {
            (_, (_, Some(_))) => values += 1,
            (case, (n, None)) => {
                select.remove(case);
                closed.push(n);
            }
        }
    }
    closed.sort_unstable();
    out.show(format!("{values} values from {} channels", closed.len()))?;
    out.verify_eq(
        "each channel was drained",
        &(values, closed),
        &(10, vec![1, 2, 3, 4]),
    )
}
