//! `select` over several channels, with a send case and a default.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(_scope: Scope, out: &mut Story) -> Result<()> {
    let (tx1, rx1) = channel::bounded::<&str>(1);
    let (_tx2, rx2) = channel::bounded::<&str>(1);
    let (tx3, rx3) = channel::bounded::<&str>(1);
    let mut hello = Some("hello");
    let mut fired = Vec::new();

    tx3.send("full").await?; // The send case is not ready yet.
    for round in 0..4 {
        match round {
            1 => tx1.send("news").await?,
            2 => drop(rx3.recv().await?), // Now it is.
            _ => {}
        }
        let what = select! {
            message = rx1.recv() => format!("ch1: {}", message?),
            message = rx2.recv() => format!("ch2: {}", message?),
            sent = tx3.send_from(&mut hello), if hello.is_some() => {
                sent?;
                "sent to ch3".to_owned()
            }
            default => "no activity".to_owned(),
        };
        out.show(&what)?;
        fired.push(what);
    }
    let expected = ["no activity", "ch1: news", "sent to ch3", "no activity"].map(String::from);
    out.verify_eq(
        "the one ready case fired, or the default",
        &fired,
        &expected.to_vec(),
    )?;

    let mut chosen = [0_u32; 2];
    for _ in 0..1000 {
        tx1.send("a").await?;
        let (again, ready) = channel::bounded(1);
        again.send("b").await?;
        select! {
            _ = rx1.recv() => chosen[0] += 1,
            _ = ready.recv() => {
                chosen[1] += 1;
                rx1.recv().await?;
            }
        }
    }
    out.show(format!("1000 times with both ready: {chosen:?}"))?;
    out.verify(
        "the choice among ready cases is fair",
        chosen[0].abs_diff(chosen[1]) < 300,
    )
}
