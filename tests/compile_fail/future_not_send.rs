//! A future that cannot move to another thread, given to `go`. The way out is `go_local`.

use std::rc::Rc;

use greenroom::prelude::*;

fn start(scope: &Scope) {
    scope.go(async {
        let shared = Rc::new(5);
        sleep(1.secs()).await?;
        println!("{shared}");
        Ok(())
    });
}

fn main() {}
