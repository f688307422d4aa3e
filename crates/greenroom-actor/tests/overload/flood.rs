//! Floods: memory stays bounded, and others keep answering.

use std::time::Duration;

use greenroom_actor::Overflow;
use greenroom_core::task::yield_now;
use greenroom_core::time::sleep;

use crate::{Does, Job, Ledger, Worker, check, drain};

const FLOOD: u32 = 5_000;
const BOUND: usize = 8;

fn flood(overflow: Overflow) {
    check(move |scope, letters| async move {
        let victim = scope
            .spawn(|| Worker(Ledger::default()))
            .mailbox(BOUND)
            .overflow(overflow)
            .await?;
        let bystander = scope.spawn(|| Worker(Ledger::default())).await?;
        let mut floods = Vec::new();
        for flood in 0..4 {
            let victim = victim.clone();
            floods.push(scope.go(async move {
                let mut accepted = 0;
                for n in 0..FLOOD / 4 {
                    let does = if n % 64 == 0 {
                        Does::Wait(1)
                    } else {
                        Does::Return
                    };
                    let told = victim.tell(Job(flood * FLOOD + n, does)).await;
                    accepted += u64::from(told.is_ok());
                    assert!(victim.queued() <= BOUND, "bounded");
                    if n % 16 == 0 {
                        yield_now().await;
                    }
                }
                Ok(accepted)
            }));
        }
        for n in 0..50 {
            assert_eq!(bystander.ask(Job(n, Does::Return)).await?, n);
        }
        let mut accepted = 0;
        for flood in floods {
            accepted += flood.await?;
        }
        while victim.queued() > 0 {
            sleep(Duration::from_millis(1)).await?;
        }
        sleep(Duration::from_millis(2)).await?;
        let counts = victim.messages();
        assert_eq!(counts.accepted, accepted);
        assert_eq!(counts.handled + counts.dropped, accepted);
        assert_eq!(bystander.messages().handled, 50);
        let received = drain(&letters);
        assert!(received.iter().all(|letter| &letter.to == victim.id()));
        assert_eq!(received.len() as u64 + letters.missed(), counts.dropped);
        match overflow {
            Overflow::Wait => assert_eq!(counts.handled, u64::from(FLOOD)),
            Overflow::Fail => assert!(counts.accepted < u64::from(FLOOD)),
            _ => assert!(counts.dropped > 0 && counts.accepted == u64::from(FLOOD)),
        }
        Ok(())
    });
}

#[test]
fn a_flood_waits() {
    flood(Overflow::Wait);
}

#[test]
fn a_flood_fails() {
    flood(Overflow::Fail);
}

#[test]
fn a_flood_drops_its_newest() {
    flood(Overflow::DropNewest);
}

#[test]
fn a_flood_drops_its_oldest() {
    flood(Overflow::DropOldest);
}

#[test]
fn a_flood_keeps_its_latest() {
    flood(Overflow::KeepLatest);
}

#[test]
fn a_slow_consumer_holds_its_senders_back() {
    check(|scope, _letters| async move {
        let ledger = Ledger::default();
        let factory = ledger.clone();
        let slow = scope
            .spawn(move || Worker(factory.clone()))
            .mailbox(2)
            .await?;
        let start = scope.context().now();
        for token in 0..20 {
            slow.tell(Job(token, Does::Wait(10))).await?;
        }
        // Two are queued and one is in hand when the last was accepted.
        let took = scope.context().now() - start;
        assert!(took >= Duration::from_millis(160), "{took:?}");
        assert_eq!(slow.ask(Job(20, Does::Return)).await?, 20);
        assert_eq!(ledger.returned(), (0..=20).collect::<Vec<_>>());
        Ok(())
    });
}
