//! `time.Ticker` and `time.Timer`.

use greenroom::prelude::*;
use greenroom::time::{tick, timer};

use crate::story::Story;

pub(crate) async fn run(_scope: Scope, out: &mut Story) -> Result<()> {
    let (ticker, end) = (tick(4.millis())?, timer(30.millis()));
    let mut ticks = 0;
    loop {
        select! {
            ticker.tick() => ticks += 1,
            end.fired() => break,
        }
    }
    out.show(format!("{ticks} ticks of 4 ms in 30 ms"))?;
    out.verify("there are not more than fit", ticks <= 7)?;

    ticker.stop();
    let stale = select! {
        ticker.tick() => true,
        after(10.millis()) => false,
    };
    out.verify("a stopped ticker is silent", !stale)?;
    out.verify("a timer that was taken cannot be stopped", !end.stop())
}
