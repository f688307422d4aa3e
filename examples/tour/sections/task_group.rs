//! `errgroup.Group`.

use greenroom::patterns::task_group::WaitError;
use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let group = TaskGroup::new(&scope);
    group.set_limit(2)?;
    let mut squares = Vec::new();
    for n in 1..=4_u64 {
        let square = group.go(async move {
            sleep(n.millis()).await?;
            Ok(n * n)
        });
        squares.push(square.await?); // Waits while two are running.
    }
    group.wait().await?;
    let mut sum = 0;
    for square in squares {
        sum += square.await?;
    }
    out.show(format!(
        "two at a time: the squares of 1 to 4 are {sum} in all"
    ))?;

    let group = TaskGroup::new(&scope);
    let other = group.go(std::future::pending::<Result<()>>()).await?;
    let failing = async {
        sleep(1.millis()).await?;
        Err::<(), _>(Failure::message("disk full"))
    };
    group.go(failing).await?;
    let waited = group.wait().await;
    if let Err(error) = &waited {
        out.show(error)?;
    }
    out.verify_eq("the values came through", &sum, &30)?;
    out.verify(
        "the first error is the result",
        matches!(waited, Err(WaitError::Failed(_))),
    )?;
    out.verify("it ended the other task", other.await.is_err())
}
