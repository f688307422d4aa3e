//! Circles of tells into full mailboxes, alone and with asks among them.

use greenroom_actor::TellError;

use crate::{Pass, Reached, Team, check, in_handler, nap, short};

/// Fills a mailbox of one, then waits for room in it.
async fn overfill(team: &Team, number: usize) -> Result<(), TellError<Pass>> {
    let _full = team.get(number).try_tell(Pass(Vec::new()));
    team.get(number).tell(Pass(vec![7])).await
}

#[test]
fn a_tell_into_ones_own_full_mailbox_is_refused() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 1).await?;
        let told = in_handler(
            team.get(0),
            |team, _| async move { overfill(&team, 0).await },
        );
        match told.await? {
            Err(TellError::Cycle(Pass(line), path)) => {
                assert_eq!((line, path.len()), (vec![7], 2), "the message comes back");
            }
            other => unreachable!("{other:?}"),
        }
        assert!(matches!(team.line(&[0]).await?, Reached::End));
        Ok(())
    });
}

#[test]
fn of_two_that_wait_for_each_others_room_one_goes_on() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let mut ends = Vec::new();
        for me in 0..2 {
            let team = team.clone();
            ends.push(scope.go(async move {
                in_handler(team.get(me), move |team, _| async move {
                    nap(10).await;
                    overfill(&team, 1 - me).await
                })
                .await
            }));
        }
        let mut refused = 0;
        for end in ends {
            match end.await? {
                Ok(()) => {}
                Err(TellError::Cycle(_, path)) => {
                    assert_eq!(path.len(), 3);
                    refused += 1;
                }
                Err(other) => unreachable!("{other:?}"),
            }
        }
        assert_eq!(refused, 1);
        Ok(())
    });
}

#[test]
fn a_circle_of_an_ask_and_a_tell_is_refused() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let tells = team.clone();
        let tells = scope.go(async move {
            in_handler(tells.get(1), |team, _| async move {
                nap(10).await;
                overfill(&team, 0).await
            })
            .await
        });
        // Its handler is in the ask when the other fills its mailbox.
        let asked = in_handler(team.get(0), |team, _| async move {
            nap(5).await;
            team.line(&[1]).await
        });
        assert!(matches!(asked.await?, Ok(Reached::End)));
        match tells.await? {
            Err(TellError::Cycle(_, path)) => {
                let ids: Vec<_> = path.iter().map(short).collect();
                let (zero, one) = (short(team.get(0).id()), short(team.get(1).id()));
                assert_eq!(ids, [one.clone(), zero, one]);
            }
            other => unreachable!("{other:?}"),
        }
        Ok(())
    });
}

#[test]
fn a_tell_to_one_that_will_make_room_is_spared() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let busy = team.clone();
        let busy = scope
            .go(async move { in_handler(busy.get(1), |_, _| async move { nap(50).await }).await });
        nap(5).await;
        let told = in_handler(
            team.get(0),
            |team, _| async move { overfill(&team, 1).await },
        );
        assert!(told.await?.is_ok());
        busy.await?;
        Ok(())
    });
}

#[test]
fn a_tell_beside_something_else_is_spared() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 1).await?;
        let told = in_handler(team.get(0), |team, _| async move {
            let tell = Box::pin(overfill(&team, 0));
            let ended = futures_util::future::select(tell, Box::pin(nap(20))).await;
            matches!(ended, futures_util::future::Either::Right(_))
        });
        assert!(told.await?, "the nap ended first");
        Ok(())
    });
}
