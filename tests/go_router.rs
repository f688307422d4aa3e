//! What Go programs do with a slice of channels and an index.

mod support;

use greenroom::patterns::router::{RouteError, TryRouteError};
use greenroom::prelude::*;
use support::{check, idle};

struct Shard(usize);
struct Get;

impl Actor for Shard {}

impl Handler<Get> for Shard {
    type Reply = usize;

    async fn handle(&mut self, _: Get, _cx: &mut ActorContext<Self>) -> usize {
        self.0
    }
}

#[test]
fn the_index_goes_round() {
    check(|scope| async move {
        let shards = Router::spawn(&scope, router("shard").actors(3), Shard).await?;
        for turn in 0..10 {
            assert_eq!(shards.ask(Get).await?, turn % 3);
        }
        Ok(())
    });
}

#[test]
fn one_channel_gets_everything() {
    check(|scope| async move {
        let shards = Router::spawn(&scope, router("shard"), Shard).await?;
        for key in 0..10 {
            assert_eq!(shards.ask(Get).await?, 0);
            assert_eq!(shards.key(&key).ask(Get).await?, 0);
        }
        Ok(())
    });
}

#[test]
fn a_key_has_the_same_channel_in_every_run() {
    let mut homes = Vec::new();
    for seed in support::SEEDS {
        let ran = support::paused(seed).block_on(|scope| async move {
            let shards = Router::spawn(&scope, router("shard").actors(4), Shard).await?;
            let mut homes = Vec::new();
            for key in ["ada", "grace", "edsger", "barbara", "tony"] {
                homes.push(shards.key(key).ask(Get).await?);
            }
            Ok(homes)
        });
        homes.push(ran.expect("all shards answer"));
    }
    assert!(homes.iter().all(|run| *run == homes[0]), "{homes:?}");
}

#[test]
fn a_select_with_a_default_over_full_channels_gives_the_value_back() {
    check(|scope| async move {
        let shards = Router::spawn(&scope, router("shard").actors(2).mailbox(1), Shard).await?;
        let mut sent = 0;
        while shards.try_tell(Get).is_ok() {
            sent += 1;
        }
        assert!((2..=4).contains(&sent), "{sent}");
        assert!(matches!(
            shards.try_tell(Get),
            Err(TryRouteError::Full(Get))
        ));
        idle().await?;
        assert!(shards.try_tell(Get).is_ok());
        Ok(())
    });
}

#[test]
fn a_reader_that_has_gone_blocks_no_sender() {
    check(|scope| async move {
        let shards = Router::spawn(&scope, router("shard").actors(2), Shard).await?;
        shards.addresses()[0].stop();
        idle().await?;
        for _ in 0..200 {
            assert_eq!(shards.ask(Get).await?, 1);
        }
        shards.addresses()[0].stop();
        idle().await?;
        assert!(matches!(
            shards.tell(Get).await,
            Err(RouteError::NoActor(Get))
        ));
        Ok(())
    });
}
