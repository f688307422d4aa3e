//! Trees of contexts: a cancel marks all that is below it, and an after function runs once or never.

use std::convert::Infallible;

use greenroom::channel::Sender;
use greenroom::context::{AfterFunc, CancelHandle};
use greenroom::prelude::*;

use crate::account::Mark;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

struct Node {
    context: Context,
    cancel: Option<CancelHandle>,
    /// The node whose end is its own as well.
    above: Option<usize>,
    /// Whether it ends before the round does: it has a handle or a deadline, or one above it has.
    ends: bool,
    /// Whether it, or one above it, is without cancel: what runs in it outlives its task's cancel.
    is_detached: bool,
}

struct Function {
    node: usize,
    handle: Option<AfterFunc>,
    mark: Mark,
    is_stopped: bool,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let mut nodes = vec![Node {
        context: scope.context().clone(),
        cancel: None,
        above: None,
        ends: false,
        is_detached: false,
    }];
    let mut functions = Vec::new();
    let (alive, all_gone) = channel::rendezvous::<Infallible>();
    for _ in 0..dice.upto(8) {
        let node = grow(&nodes, &round, &mut dice);
        if node.ends && !node.is_detached && dice.one_in(2) {
            let context = node.context.clone();
            let inside = round.token();
            inside.let_go();
            let mut fuse = dice.fuse(12);
            // It ends with its context.
            let task = scope.go(async move {
                fuse.step();
                let (_tx, rx) = channel::rendezvous::<Infallible>();
                let _ended = context.run(rx.recv()).await;
                fuse.step();
                drop(inside);
                Ok(())
            });
            task.detach();
        }
        if dice.one_in(2) {
            functions.push(register(&node, nodes.len(), &round, &alive));
        }
        nodes.push(node);
    }
    for _ in 0..dice.below(6) {
        dice.pause().await?;
        if dice.one_in(3) && !functions.is_empty() {
            let chosen = dice.below(functions.len());
            stop(&mut functions[chosen], &round, &nodes);
        } else {
            let chosen = dice.below(nodes.len());
            cancel(&nodes, chosen, &round);
        }
    }
    (0..nodes.len()).for_each(|node| cancel(&nodes, node, &round));
    if dice.fault(6) {
        // They run all the same.
        dice.leave();
        return Ok(());
    }
    // Until each has run, or can run no more.
    drop(nodes);
    drop(alive);
    let _closed = all_gone.recv().await;
    if scope.context().is_done() {
        return Ok(());
    }
    for function in &functions {
        let has_run = function.mark.is_received();
        round.check(has_run != function.is_stopped, || {
            format!(
                "an after function has run: {has_run}, stopped: {}",
                function.is_stopped
            )
        });
    }
    Ok(())
}

fn grow(nodes: &[Node], round: &Round, dice: &mut Dice) -> Node {
    let at = dice.below(nodes.len());
    let parent = &nodes[at];
    let mut node = Node {
        context: parent.context.clone(),
        cancel: None,
        above: Some(at),
        ends: true,
        is_detached: parent.is_detached,
    };
    match dice.below(6) {
        0..3 => {
            let (context, cancel) = parent.context.with_cancel();
            // Outside the scope's tree nothing but the handle ends it, if the round does not.
            let last = cancel.clone();
            round.afterwards(move || last.cancel());
            node.context = context;
            node.cancel = Some(cancel);
        }
        3 => {
            let timeout = (dice.below(3) as u64).millis();
            node.context = parent.context.with_timeout(timeout);
        }
        4 => {
            let token = round.token();
            token.let_go();
            let number = token.number();
            node.context = parent.context.with_value(token);
            let found = node.context.value().map(crate::account::Token::number);
            round.check(found == Some(number), || {
                format!("a value is {found:?}, not {number}")
            });
            node.ends = parent.ends;
        }
        _ => {
            node.context = parent.context.without_cancel();
            round.check(!node.context.is_done(), || {
                "a detached context has ended".to_owned()
            });
            (node.above, node.ends, node.is_detached) = (None, false, true);
        }
    }
    node
}

fn register(node: &Node, number: usize, round: &Round, alive: &Sender<Infallible>) -> Function {
    let token = round.token();
    let mark = token.mark();
    let alive = alive.clone();
    let handle = node.context.after_func(async move {
        token.received();
        drop(alive);
    });
    let mut function = Function {
        node: number,
        handle: Some(handle),
        mark,
        is_stopped: false,
    };
    if !node.ends {
        // Only the end of the round would run it.
        function.mark.let_go();
        function.is_stopped = function
            .handle
            .take()
            .is_some_and(|mut handle| handle.stop());
    }
    function
}

fn stop(function: &mut Function, round: &Round, nodes: &[Node]) {
    let Some(mut handle) = function.handle.take() else {
        return;
    };
    function.mark.let_go();
    function.is_stopped = handle.stop();
    let has_ended = nodes[function.node].context.is_done();
    round.check(function.is_stopped || has_ended, || {
        "a stop came late, though its context has not ended".to_owned()
    });
    round.check(!handle.stop(), || "a second stop stopped".to_owned());
}

fn cancel(nodes: &[Node], chosen: usize, round: &Round) {
    let Some(cancel) = &nodes[chosen].cancel else {
        return;
    };
    cancel.cancel();
    for mut node in 0..nodes.len() {
        let first = node;
        while node != chosen {
            match nodes[node].above {
                Some(above) => node = above,
                None => break,
            }
        }
        let is_below = node == chosen;
        round.check(!is_below || nodes[first].context.is_done(), || {
            format!("context {first} goes on after a cancel of {chosen} above it")
        });
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    for value in 1..=flow.items() {
        let (above, cancel) = scope.context().with_cancel();
        let below = above.with_value(value).with_timeout(3600.secs());
        let passed = flow.clone();
        let inside = below.clone();
        let mut function = below.after_func(async move {
            passed.passed(inside.value().copied().unwrap_or(0));
        });
        cancel.cancel();
        if function.stop() {
            return Err(Failure::message("stopped after the end"));
        }
        if value % 16 == 0 {
            greenroom::task::yield_now().await;
        }
    }
    while !flow.is_over() {
        greenroom::task::yield_now().await;
    }
    Ok(())
}
