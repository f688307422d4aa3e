//! Libraries of tokio as guests in our tasks and handlers.
#![allow(
    clippy::disallowed_methods,
    reason = "foreign timers are what is tested"
)]

use std::time::Duration;

use greenroom::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{threads, within_time};

/// A socket, a file, the blocking pool and the timers of tokio.
async fn guests() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).await?;
        stream.write_all(&bytes).await
    });
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"green").await?;
    let mut bytes = [0; 5];
    stream.read_exact(&mut bytes).await?;
    assert_eq!(&bytes, b"green");
    echo.await??;

    let manifest = tokio::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert!(manifest.await?.contains("greenroom-tests"));

    assert_eq!(tokio::task::spawn_blocking(|| 6 * 7).await?, 42);

    tokio::time::sleep(Duration::from_millis(1)).await;
    let pending = std::future::pending::<()>();
    let elapsed = tokio::time::timeout(Duration::from_millis(1), pending).await;
    assert!(elapsed.is_err());
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    ticks.tick().await;
    ticks.tick().await;

    let (tx, mut rx) = tokio::sync::mpsc::channel(1);
    let sender = tokio::spawn(async move { tx.send(1).await });
    assert_eq!(rx.recv().await, Some(1));
    sender.await??;
    Ok(())
}

struct Host;
struct Use;

impl Actor for Host {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        guests().await
    }
}

impl Handler<Use> for Host {
    type Reply = Result<()>;

    async fn handle(&mut self, _: Use, _cx: &mut ActorContext<Self>) -> Result<()> {
        guests().await
    }
}

async fn in_each_place(scope: Scope) -> Result<()> {
    guests().await?;
    scope.go(guests()).await?;
    let host = scope.spawn(|| Host).await?;
    host.ask(Use).await??;
    let all = scope.go_each(0..20, |_| guests());
    assert_eq!(all.await?, 20);
    Ok(())
}

#[test]
fn sockets_files_pools_and_timers_of_tokio_work_in_tasks_and_handlers() {
    within_time("guests", || {
        threads(2).block_on(in_each_place).expect("nothing fails");
        let single = Runtime::builder().single_thread().build().expect("starts");
        single.block_on(in_each_place).expect("nothing fails");
    });
}

#[test]
fn a_guest_ends_with_the_context_of_its_host() {
    within_time("a guest's end", || {
        threads(1)
            .block_on(|scope| async move {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let accepts = scope.go(async move { Ok(listener.accept().await.map(drop)?) });
                accepts.cancel("nobody comes");
                assert!(accepts.await.is_err());
                let hurried = scope.context().with_timeout(Duration::from_millis(1));
                let slept = hurried.run(tokio::time::sleep(Duration::from_secs(3600)));
                assert!(slept.await.is_err());
                Ok(())
            })
            .expect("nothing fails");
    });
}
