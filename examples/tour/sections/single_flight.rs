//! `singleflight.Group`.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let loads = State::spawn(&scope, 0).await?;
    let pages = SingleFlight::spawn(&scope).await?;
    let load = |page: &'static str| {
        let loads = loads.clone();
        move || async move {
            loads.update(|n| *n += 1).await?;
            sleep(5.millis()).await?;
            Ok(page.len())
        }
    };

    let tickets: Vec<_> = (0..20)
        .map(|_| pages.start("/home", load("/home")))
        .collect();
    let mut shared = 0;
    for ticket in tickets {
        shared += usize::from(ticket.wait().await?.is_shared);
    }
    let together = loads.read(|n| *n).await?;
    let later = pages.call("/home", load("/home")).await?;
    let in_all = loads.read(|n| *n).await?;
    out.show(format!(
        "{shared} requests shared {together} load, a later one made its own"
    ))?;
    out.verify_eq(
        "one load for all at the same time",
        &(shared, together),
        &(20, 1),
    )?;
    out.verify_eq("nothing is cached", &(later.is_shared, in_all), &(false, 2))
}
