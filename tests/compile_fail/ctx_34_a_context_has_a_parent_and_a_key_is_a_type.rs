//! What Go refuses when it runs: no parent, no key, and a key that cannot be compared.

use greenroom::prelude::*;

fn no_parent() {
    let nobody: Option<Context> = None;
    let _child = nobody.with_cancel();
}

fn no_key(context: Context) {
    let _nothing = context.value();
}

fn no_comparison(context: Context) {
    let _unknown = context.value::<dyn Send + Sync>();
}

fn main() {}
