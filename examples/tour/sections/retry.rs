//! Another attempt after a failure.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(_scope: Scope, out: &mut Story) -> Result<()> {
    let policy = RetryPolicy::new()
        .attempts(4)
        .backoff(Backoff::exponential(1.millis()).cap(5.millis()));
    let mut attempts = 0;
    let answer = retry(policy.clone(), || {
        attempts += 1;
        async move {
            match attempts {
                3 => Ok("at last"),
                _ => Err(Failure::message("busy")),
            }
        }
    })
    .await?;
    out.show(format!("{answer}, after {attempts} attempts"))?;
    let refused = retry(policy, || async { Err::<(), _>(Failure::message("busy")) }).await;
    out.verify_eq(
        "it gave up after 4 attempts, with the last error",
        &refused.err().map(|error| error.to_string()),
        &Some("gave up after attempt 4; the last error: busy".to_owned()),
    )
}
