//! An ask as a tower service, under tower's layers.

use std::future::{pending, poll_fn};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use greenroom_actor::interop::AskService;
use greenroom_actor::{Actor, ActorContext, Address, AskError, Handler, Runtime, Scope};
use greenroom_core::Result;
use greenroom_core::time::Durations;
use tower::load_shed::error::Overloaded;
use tower::{Service, ServiceBuilder, ServiceExt};

struct Double;

/// `None` is never answered.
struct Number(Option<u64>);

impl Actor for Double {}

impl Handler<Number> for Double {
    type Reply = u64;

    async fn handle(&mut self, Number(n): Number, _cx: &mut ActorContext<Self>) -> u64 {
        match n {
            Some(n) => 2 * n,
            None => pending().await,
        }
    }
}

fn check<F, Fut>(body: F)
where
    F: FnOnce(Scope, Address<Double>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let runtime = Runtime::builder().arbiters(1).build().expect("it starts");
    let ended = runtime.block_on(|scope| async move {
        let double = scope.spawn(|| Double).mailbox(2).await?;
        let time = scope.context().with_timeout(30.secs());
        let body = time.run(body(scope.clone(), double)).await;
        scope.cancel("the test is over");
        body?
    });
    let ended = ended.map_err(|failure| format!("{failure:?}"));
    assert_eq!(ended, Ok(()));
}

fn is_ready(service: &mut AskService<Number, u64>) -> bool {
    let mut cx = TaskContext::from_waker(Waker::noop());
    matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(())))
}

async fn ready(service: &mut AskService<Number, u64>) -> Result<(), AskError> {
    poll_fn(|cx| service.poll_ready(cx)).await
}

#[test]
fn a_request_is_a_message_and_a_response_its_reply() {
    check(|_scope, double| async move {
        let service = AskService::new(double.recipient());
        for n in 0..10 {
            assert_eq!(service.clone().oneshot(Number(Some(n))).await?, 2 * n);
        }
        Ok(())
    });
}

#[test]
fn ready_is_a_place_that_no_clone_takes() {
    check(|_scope, double| async move {
        let mut services = vec![AskService::new(double.recipient::<Number>()); 3];
        assert!(is_ready(&mut services[0]) && is_ready(&mut services[1]));
        assert!(is_ready(&mut services[0]), "ready stays ready");
        assert!(!is_ready(&mut services[2]), "the mailbox has two places");
        // A call takes its place along, and gives it back at its end.
        let call = services[0].call(Number(Some(1)));
        assert!(!is_ready(&mut services[2]));
        assert_eq!(call.await?, 2);
        ready(&mut services[2]).await?;
        // So does a service that is dropped, and a call that was not made.
        assert!(!is_ready(&mut services[0]));
        drop(services.remove(1));
        ready(&mut services[0]).await?;
        let unmade = services[0].call(Number(Some(1)));
        drop(unmade);
        ready(&mut services[0]).await?;
        Ok(())
    });
}

#[test]
fn who_waits_for_a_place_is_woken_in_order() {
    check(|scope, double| async move {
        let service = AskService::new(double.recipient()).in_flight(1);
        let mut first = service.clone();
        ready(&mut first).await?;
        let waits: Vec<_> = (0..3)
            .map(|n| {
                let service = service.clone();
                scope.go(async move { Ok(service.oneshot(Number(Some(n))).await?) })
            })
            .collect();
        assert_eq!(first.call(Number(Some(9))).await?, 18);
        drop(first);
        for (n, wait) in (0..).zip(waits) {
            assert_eq!(wait.await?, 2 * n);
        }
        Ok(())
    });
}

#[test]
fn load_is_shed_when_no_place_is_free() {
    check(|_scope, double| async move {
        let asks = AskService::new(double.recipient());
        let mut busy = asks.clone();
        let mut calls = Vec::new();
        for _ in 0..2 {
            ready(&mut busy).await?;
            calls.push(busy.call(Number(None)));
        }
        let mut shedding = ServiceBuilder::new().load_shed().service(asks);
        let shed = shedding.ready().await.expect("it says so in the call");
        let error = shed.call(Number(Some(1))).await.expect_err("no place");
        assert!(error.is::<Overloaded>(), "{error}");
        drop(calls);
        let answered = shedding
            .ready()
            .await
            .expect("it is ready")
            .call(Number(Some(1)));
        assert_eq!(answered.await.expect("a place"), 2);
        Ok(())
    });
}

#[test]
fn layers_of_tower_apply() {
    check(|_scope, double| async move {
        let mut service = ServiceBuilder::new()
            .concurrency_limit(1)
            .timeout(Duration::from_millis(5))
            .service(AskService::new(double.recipient()));
        assert_eq!(
            service
                .ready()
                .await
                .expect("ready")
                .call(Number(Some(4)))
                .await
                .ok(),
            Some(8)
        );
        let late = service
            .ready()
            .await
            .expect("ready")
            .call(Number(None))
            .await;
        assert!(late.is_err_and(|error| error.is::<tower::timeout::error::Elapsed>()));
        Ok(())
    });
}

#[test]
fn the_context_ends_a_call_and_a_wait_for_a_place() {
    check(|scope, double| async move {
        let service = AskService::new(double.recipient()).in_flight(1);
        let hurried = scope.context().with_timeout(5.millis());
        let mut first = service.clone();
        ready(&mut first).await?;
        let mut second = service.clone();
        let waited = hurried.run(ready(&mut second)).await?;
        assert!(
            matches!(waited, Err(AskError::DeadlineInMailbox)),
            "{waited:?}"
        );
        let hurried = scope.context().with_timeout(5.millis());
        let called = hurried.run(first.call(Number(None))).await?;
        assert!(
            matches!(
                called,
                Err(AskError::DeadlineInHandler | AskError::DeadlineInMailbox)
            ),
            "{called:?}"
        );
        Ok(())
    });
}

#[test]
fn an_actor_that_has_ended_is_not_ready() {
    check(|_scope, double| async move {
        let mut service = AskService::new(double.recipient::<Number>());
        double.stop();
        double.closed().await?;
        let refused = ready(&mut service).await;
        assert!(matches!(refused, Err(AskError::Closed)), "{refused:?}");
        Ok(())
    });
}

#[test]
fn a_call_without_readiness_says_what_to_do() {
    std::panic::set_hook(Box::new(|_| ()));
    let runtime = Runtime::builder().arbiters(1).build().expect("it starts");
    let called = runtime.block_on(|scope| async move {
        let double = scope.spawn(|| Double).await?;
        Ok(AskService::new(double.recipient())
            .call(Number(Some(1)))
            .await?)
    });
    let failure = called.expect_err("it is the caller's defect");
    assert!(failure.to_string().contains("poll_ready"), "{failure}");
}

#[test]
fn a_service_works_in_a_host_of_tokio() {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("it starts");
    let runtime = Runtime::builder().arbiters(1).build().expect("it starts");
    tokio.block_on(async {
        let (give, take) = greenroom_core::channel::bounded(1);
        let open = runtime.scope(|scope| async move {
            give.send(scope.spawn(|| Double).await?).await?;
            pending::<Result<()>>().await
        });
        let host = async {
            let double = take.recv().await.expect("it starts");
            let service = AskService::new(double.recipient());
            service.oneshot(Number(Some(3))).await.expect("it answers")
        };
        tokio::select! {
            _ = open => unreachable!("it stays open"),
            six = host => assert_eq!(six, 6),
        }
    });
}
