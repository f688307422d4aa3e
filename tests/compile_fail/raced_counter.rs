//! Two tasks count up one variable.

use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let mut counter = 0;
        for _ in 0..2 {
            scope.go(async { Ok(counter += 1) }).detach();
        }
        scope.join().await?;
        assert_eq!(counter, 2);
        Ok(())
    })
}
