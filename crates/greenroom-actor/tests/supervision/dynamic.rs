//! Many like children.

use greenroom_actor::supervision::{BackOff, StartError};
use greenroom_actor::{Actor, ActorContext, AskError, Handler, Restart};
use greenroom_core::time::Durations;

use crate::{check, settle};

struct Session(String);
struct Who;
struct Crash;
struct Leave;

impl Actor for Session {}

impl Handler<Who> for Session {
    type Reply = String;

    async fn handle(&mut self, _who: Who, _cx: &mut ActorContext<Self>) -> String {
        self.0.clone()
    }
}

impl Handler<Crash> for Session {
    type Reply = ();

    async fn handle(&mut self, _crash: Crash, _cx: &mut ActorContext<Self>) {
        panic!("crash")
    }
}

impl Handler<Leave> for Session {
    type Reply = ();

    async fn handle(&mut self, _leave: Leave, cx: &mut ActorContext<Self>) {
        cx.stop();
    }
}

#[test]
fn children_are_made_from_their_arguments_at_each_restart() {
    check(|scope, _log| async move {
        let sessions = scope
            .dynamic_supervisor("sessions", |user: &String| Session(user.clone()))
            .restart(Restart::Transient)
            .await?;
        let ann = sessions.start("ann".to_owned()).await?;
        let bob = sessions.start("bob".to_owned()).await?;
        assert!(matches!(ann.ask(Crash).await, Err(AskError::Panicked(_))));
        assert_eq!(ann.ask(Who).await?, "ann");
        assert_eq!(bob.ask(Who).await?, "bob");
        let children = sessions.children().await?;
        let restarts: Vec<_> = children.iter().map(|child| child.restarts).collect();
        assert_eq!(restarts, [1, 0]);
        ann.ask(Leave).await?;
        settle().await?;
        assert_eq!(
            sessions.children().await?.len(),
            1,
            "who has left is forgotten"
        );
        Ok(())
    });
}

#[test]
fn a_temporary_child_that_fails_is_forgotten_and_harms_nobody() {
    check(|scope, _log| async move {
        let sessions = scope
            .dynamic_supervisor("sessions", |user: &&'static str| Session((*user).into()))
            .intensity(0, 1.secs())
            .await?;
        let all = [
            sessions.start("a").await?,
            sessions.start("b").await?,
            sessions.start("c").await?,
        ];
        assert!(all[1].ask(Crash).await.is_err());
        settle().await?;
        assert_eq!(sessions.as_supervisor().count().await?.active, 2);
        assert_eq!(all[2].ask(Who).await?, "c");
        Ok(())
    });
}

#[test]
fn there_is_room_again_when_a_child_has_gone() {
    check(|scope, _log| async move {
        let sessions = scope
            .dynamic_supervisor("sessions", |user: &&'static str| Session((*user).into()))
            .max_children(2)
            .back_off(BackOff::none())
            .await?;
        let a = sessions.start("a").await?;
        sessions.start("b").await?;
        assert!(matches!(
            sessions.start("c").await,
            Err(StartError::AtCapacity(2))
        ));
        assert!(sessions.terminate(&a).await?);
        assert!(!sessions.terminate(&a).await?, "it is not one any more");
        let c = sessions.start("c").await?;
        c.ask(Leave).await?;
        settle().await?;
        sessions.start("d").await?;
        sessions.as_supervisor().stop();
        sessions.as_supervisor().closed().await?;
        assert!(matches!(
            sessions.start("e").await,
            Err(StartError::Ask(AskError::Closed))
        ));
        Ok(())
    });
}

#[test]
fn a_thousand_children_come_and_go() {
    check(|scope, _log| async move {
        let sessions = scope
            .dynamic_supervisor("sessions", |n: &u64| Session(n.to_string()))
            .await?;
        let mut all = Vec::new();
        for n in 0..1000 {
            all.push(sessions.start(n).await?);
        }
        assert_eq!(all[999].ask(Who).await?, "999");
        for session in all.drain(..500) {
            session.ask(Leave).await?;
        }
        settle().await?;
        assert_eq!(sessions.children().await?.len(), 500);
        Ok(())
    });
}
