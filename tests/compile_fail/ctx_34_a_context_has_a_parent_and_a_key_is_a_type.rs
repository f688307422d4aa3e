//! What Go refuses when it runs: no parent, no key, and a key that cannot be compared.

use greenroom::prelude::*;

fn three(context: Context) {
    let nobody: Option<Context> = None;
    let _child = nobody.with_cancel();
    let _nothing = context.value();
    let _unknown = context.value::<dyn Send + Sync>();
}

fn main() {}
