//! Circles of asks.

use greenroom_actor::{Actor, ActorContext, AskError, Handler, SpawnError};
use greenroom_core::Result;
use greenroom_core::time::Durations;

use crate::{Pass, Reached, Team, check, circle, in_handler, nap, own_context};

#[test]
fn an_actor_that_asks_itself_is_refused() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 1).await?;
        let circle = team.line(&[0, 0]).await?.circle().expect("it is refused");
        assert_eq!(circle.len(), 2);
        assert_eq!(circle[0], circle[1]);
        assert!(matches!(team.line(&[0]).await?, Reached::End), "it goes on");
        Ok(())
    });
}

#[test]
fn the_last_ask_of_a_circle_is_refused_with_its_path() {
    check(|scope| async move {
        for size in 2..12 {
            let team = Team::spawn(&scope, size).await?;
            let line: Vec<_> = (0..=size).collect();
            let path = team.line(&line).await?.circle().expect("it is refused");
            let mut expected: Vec<_> = (0..size).map(|n| crate::short(team.get(n).id())).collect();
            // The last one asked the first: from itself once round.
            expected.rotate_right(1);
            expected.push(expected[0].clone());
            assert_eq!(path, expected);
            // The others went on, and all serve again.
            for n in 0..size {
                assert!(matches!(team.line(&[n]).await?, Reached::End));
            }
        }
        Ok(())
    });
}

#[test]
fn a_circle_that_a_line_runs_into_is_refused_in_the_circle() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 6).await?;
        let path = team.line(&[0, 1, 2, 3, 4, 5, 3]).await?.circle();
        let path = path.expect("it is refused");
        assert_eq!(path.len(), 4, "three in the circle: {path:?}");
        assert!(!path.contains(&crate::short(team.get(0).id())));
        Ok(())
    });
}

#[test]
fn of_two_that_ask_each_other_at_the_same_time_one_goes_on() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let one = scope.go({
            let team = team.clone();
            async move { Ok(team.line(&[0, 1]).await?) }
        });
        let two = scope.go({
            let team = team.clone();
            async move { Ok(team.line(&[1, 0]).await?) }
        });
        let ends = [one.await?, two.await?];
        let refused = ends.iter().filter(|end| end.circle().is_some()).count();
        let reached = ends
            .iter()
            .filter(|end| matches!(end, Reached::End))
            .count();
        assert!(refused <= 1, "{ends:?}");
        assert_eq!(refused + reached, 2, "{ends:?}");
        Ok(())
    });
}

#[test]
fn a_circle_under_a_deadline_is_refused_before_that() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let begun = scope.context().now();
        let within = scope.context().with_timeout(10.secs());
        let end = within.run(team.line(&[0, 1, 0])).await??;
        assert!(end.circle().is_some(), "{end:?}");
        // Also with a deadline of the handler's own, around the ask alone.
        let inside = in_handler(team.get(0), |team, _| async move {
            let within = own_context().with_timeout(10.secs());
            within.run(team.line(&[1, 0])).await
        });
        let end = inside.await?.expect("the deadline is far away")?;
        assert!(end.circle().is_some(), "{end:?}");
        assert!(scope.context().now() - begun < 1.secs());
        Ok(())
    });
}

#[test]
fn a_recipient_is_refused_as_an_address_is() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let asked = in_handler(team.get(0), |team, _| async move {
            let recipient = team.get(0).recipient::<Pass>();
            recipient.ask(Pass(Vec::new())).await
        });
        let error = asked.await?.expect_err("it would wait for itself");
        assert!(circle(&error).is_some(), "{error}");
        Ok(())
    });
}

#[test]
fn what_was_refused_is_not_handled() {
    check(|scope| async move {
        let counts = scope.spawn(|| Counts(0)).await?;
        for _ in 0..3 {
            let refused = counts.ask(AskSelf).await?;
            assert!(refused);
        }
        assert_eq!(counts.ask(Count).await?, 1, "only this one counts");
        Ok(())
    });
}

#[test]
fn joined_asks_are_refused_once_nothing_else_is_left() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 3).await?;
        let both = in_handler(team.get(0), |team, _| async move {
            let back = team.line(&[1, 0]);
            let (back, nap, other) = tokio::join!(back, crate::nap(50), team.line(&[2]));
            (back, nap, other)
        });
        let (back, (), other) = both.await?;
        // Whichever of the two asks gave way, the handler went on.
        let refused = match &back {
            Ok(end) => end.circle().is_some(),
            Err(error) => circle(error).is_some(),
        };
        assert!(refused, "{back:?}");
        assert!(matches!(other, Ok(Reached::End)));
        Ok(())
    });
}

#[test]
fn a_hook_that_waits_for_its_own_actor_is_refused() {
    check(|scope| async move {
        let spawned = scope.spawn(|| AsksAtStart).await;
        let Err(SpawnError::Failed(failure)) = spawned else {
            unreachable!("{spawned:?}");
        };
        let error = failure.as_error().downcast_ref::<AskError>();
        assert!(
            error.is_some_and(|error| circle(error).is_some()),
            "{failure:?}"
        );
        Ok(())
    });
}

struct Counts(u32);
struct Count;
struct AskSelf;

impl Actor for Counts {}

impl Handler<Count> for Counts {
    type Reply = u32;
    async fn handle(&mut self, _: Count, _cx: &mut ActorContext<Self>) -> u32 {
        self.0 += 1;
        self.0
    }
}

impl Handler<AskSelf> for Counts {
    type Reply = bool;
    async fn handle(&mut self, _: AskSelf, cx: &mut ActorContext<Self>) -> bool {
        nap(1).await;
        let me = cx.address().expect("the asker holds an address");
        matches!(me.ask(Count).await, Err(AskError::Cycle { .. }))
    }
}

struct AsksAtStart;

impl Actor for AsksAtStart {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        let me = cx.address().expect("its starter holds an address");
        Ok(me.ask(Count).await?)
    }
}

impl Handler<Count> for AsksAtStart {
    type Reply = ();
    async fn handle(&mut self, _: Count, _cx: &mut ActorContext<Self>) {}
}
