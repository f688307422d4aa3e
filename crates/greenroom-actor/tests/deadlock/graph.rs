//! The graph of waits, as text, as a drawing and as JSON.

use greenroom_actor::{Runtime, Scope};
use greenroom_core::Result;
use greenroom_core::registry::WaitGraph;

use crate::{Pass, Team, in_handler, nap, paused};

/// Looks at the graph a while after a body has begun its waits.
fn look<F, Fut>(body: F) -> WaitGraph
where
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let runtime = paused(0);
    let inside = Runtime::clone(&runtime);
    let (give, take) = std::sync::mpsc::channel();
    let _cancelled = runtime.block_on(move |scope| async move {
        body(scope.clone()).await?;
        nap(10).await;
        let _heard = give.send(inside.wait_graph().await);
        scope.cancel("enough");
        Ok(())
    });
    take.recv().expect("the graph was made")
}

/// The first player asks the second, which asks the third, which sleeps.
fn line() -> WaitGraph {
    look(|scope| async move {
        let team = Team::spawn(&scope, 3).await?;
        let busy = team.clone();
        let busy = async move { in_handler(busy.get(2), |_, _| nap(100)).await };
        scope.go(busy).detach();
        nap(1).await;
        let asks = async move { Ok(team.line(&[0, 1, 2]).await.map(drop)?) };
        scope.go(asks).detach();
        Ok(())
    })
}

/// The only player joins a task that asks it.
fn joins() -> WaitGraph {
    look(|scope| async move {
        let team = Team::spawn(&scope, 1).await?;
        let joins = async move {
            in_handler(team.get(0), |team, scope| async move {
                let asks = async move { Ok(team.get(0).ask(Pass(Vec::new())).await.map(drop)?) };
                let _joined = scope.go(asks).await;
            })
            .await
        };
        scope.go(joins).detach();
        Ok(())
    })
}

#[test]
fn a_graph_is_printed_with_what_is_certain() {
    let expected = "\
root/scope#1/actor#1 waits: reply (root/scope#1/actor#3), and for nothing else
root/scope#1/actor#3 waits: reply (root/scope#1/actor#5), and for nothing else
root/scope#1/actor#5 waits: time
root/scope#1/task#7 waits: reply (root/scope#1/actor#5)
root/scope#1/task#8 waits: reply (root/scope#1/actor#1)
";
    assert_eq!(line().to_string(), expected);
}

#[test]
fn a_graph_is_drawn() {
    let expected = r#"digraph waits {
    "root/scope#1/actor#1" -> "root/scope#1/actor#3" [label="reply", style=solid];
    "root/scope#1/actor#3" -> "root/scope#1/actor#5" [label="reply", style=solid];
    "root/scope#1/actor#5" -> "time of root/scope#1/actor#5" [label="time", style=dashed];
    "root/scope#1/task#7" -> "root/scope#1/actor#5" [label="reply", style=dashed];
    "root/scope#1/task#8" -> "root/scope#1/actor#1" [label="reply", style=dashed];
}
"#;
    assert_eq!(line().to_dot(), expected);
}

#[test]
fn a_circle_that_is_not_certain_is_shown_and_not_refused() {
    let graph = joins();
    let circle = graph.circles.first().expect("it is shown");
    assert!(!circle.is_certain, "a task may do something else");
    let shown = graph.to_string();
    let last = shown.lines().last().unwrap_or_default();
    assert_eq!(
        last,
        "possible circle: root/scope#1/actor#1 -> root/scope#1/task#4 -> root/scope#1/actor#1"
    );
}

#[test]
fn a_graph_is_json() {
    let mut graph = serde_json::to_value(joins()).expect("it is data");
    let knots = graph["knots"].take();
    assert_eq!(knots[0]["is_certain"], false);
    assert_eq!(knots[0]["tasks"][2]["id"], "root/scope#1/task#4");
    let why = serde_json::json!({"unwatched": {"task": "root/scope#1/task#4"}});
    assert_eq!(knots[0]["why"][1], why);
    let expected = serde_json::json!({
        "waits": [
            {"waiter": "root/scope#1/actor#1", "on": "root/scope#1/task#4", "kind": "join", "is_certain": false},
            {"waiter": "root/scope#1/task#3", "on": "root/scope#1/actor#1", "kind": "ask", "is_certain": false},
            {"waiter": "root/scope#1/task#4", "on": "root/scope#1/actor#1", "kind": "ask", "is_certain": false},
        ],
        "knots": null,
        "circles": [{
            "path": ["root/scope#1/actor#1", "root/scope#1/task#4", "root/scope#1/actor#1"],
            "is_certain": false,
        }],
        "unanswered": [],
    });
    assert_eq!(graph, expected);
}

#[test]
fn who_rests_is_not_in_the_graph() {
    let graph = look(|scope| async move {
        let team = Team::spawn(&scope, 3).await?;
        scope
            .go(async move {
                nap(1000).await;
                drop(team);
                Ok(())
            })
            .detach();
        Ok(())
    });
    assert_eq!(graph.waits.len(), 1, "the nap only: {graph}");
}
