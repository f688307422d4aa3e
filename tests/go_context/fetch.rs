//! `fetchData`: real requests to a server of our own, which sees its connections close.

use std::net::SocketAddr;

use greenroom::error::ContextError;
use greenroom::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n";

/// A GET over HTTP/1.1. Returns the body.
async fn fetch(server: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let (_head, body) = (response.split_once("\r\n\r\n"))
        .ok_or_else(|| Failure::message("the response has no head"))?;
    Ok(body.to_owned())
}

/// Answers `/fast`, half of `/half`, and nothing else; tells for each of the others that it saw the
/// client go.
async fn serve(scope: Scope, listener: TcpListener, gone: channel::Sender<String>) -> Result<()> {
    loop {
        let (stream, _client) = listener.accept().await?;
        scope.go(answer(stream, gone.clone())).detach();
    }
}

async fn answer(mut stream: TcpStream, gone: channel::Sender<String>) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    match path.as_str() {
        "/fast" => {
            stream.write_all(OK).await?;
            stream.write_all(b"0123456789").await?;
            return Ok(());
        }
        "/half" => {
            stream.write_all(OK).await?;
            stream.write_all(b"01234").await?;
        }
        _ => {}
    }
    // The end of the stream, or a reset.
    if !matches!(stream.read(&mut [0]).await, Ok(1..)) {
        gone.send(path).await?;
    }
    Ok(())
}

/// Runs a body beside the server, on threads and on one.
fn with_server<F, Fut>(body: F)
where
    F: Fn(Scope, SocketAddr, channel::Receiver<String>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let run = move |scope: Scope| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (gone, are_gone) = channel::bounded(100);
        let server = scope.go(serve(scope.clone(), listener, gone));
        body(scope, address, are_gone).await?;
        server.cancel("the test is over");
        Ok(())
    };
    let threads = Runtime::builder().arbiters(2).build().unwrap();
    threads.block_on(run.clone()).unwrap();
    threads.assert_no_leaks();
    let one = Runtime::builder().single_thread().build().unwrap();
    one.block_on(run).unwrap();
    one.assert_no_leaks();
}

#[test]
fn a_request_in_time_has_its_body() {
    with_server(|scope, server, _gone| async move {
        let patient = scope.context().with_timeout(60.secs());
        let body = patient.run(fetch(server, "/fast")).await??;
        assert_eq!(body, "0123456789");
        Ok(())
    });
}

#[test]
fn a_deadline_cuts_a_silent_request_and_closes_its_connection() {
    with_server(|scope, server, gone| async move {
        let hurried = scope.context().with_timeout(100.millis());
        let start = hurried.now();
        let cut = hurried.run(fetch(server, "/never")).await;
        assert!(matches!(cut, Err(ContextError::Deadline(_))), "{cut:?}");
        assert!(hurried.now() - start >= 100.millis());
        assert_eq!(gone.recv().await?, "/never");
        // The next request is another one.
        assert_eq!(fetch(server, "/fast").await?, "0123456789");
        Ok(())
    });
}

#[test]
fn a_deadline_cuts_a_response_that_stops_in_the_middle() {
    with_server(|scope, server, gone| async move {
        let hurried = scope.context().with_timeout(100.millis());
        let cut = hurried.run(fetch(server, "/half")).await;
        assert!(matches!(cut, Err(ContextError::Deadline(_))), "{cut:?}");
        assert_eq!(gone.recv().await?, "/half");
        Ok(())
    });
}

#[test]
fn one_cancel_closes_the_connections_of_all_requests_below() {
    with_server(|scope, server, gone| async move {
        let (context, cancel) = scope.context().with_cancel_cause();
        let requests: Vec<_> = (0..10)
            .map(|number| {
                let context = context.with_timeout(3600.secs());
                scope.go(async move {
                    let path = format!("/{number}");
                    Ok(context.run(fetch(server, &path)).await)
                })
            })
            .collect();
        sleep(100.millis()).await?;
        cancel.cancel("the user left");
        for request in requests {
            let ended = request.await?;
            let Err(ContextError::Cancelled(cause)) = ended else {
                panic!("{ended:?}");
            };
            assert_eq!(cause.to_string(), "the user left");
        }
        // One that had not come to its request by then closed its connection too, or made none.
        let mut closed = Vec::new();
        let patient = scope.context().with_timeout(500.millis());
        while let Ok(Ok(path)) = patient.run(gone.recv()).await {
            closed.push(path);
            if closed.len() == 10 {
                break;
            }
        }
        closed.sort();
        closed.dedup();
        assert!(!closed.is_empty(), "the requests had begun");
        Ok(())
    });
}

#[test]
fn a_request_under_a_context_that_has_ended_never_has_an_answer() {
    with_server(|scope, server, _gone| async move {
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let ended = context.run(fetch(server, "/fast")).await;
        assert!(
            matches!(ended, Err(ContextError::Cancelled(_))),
            "{ended:?}"
        );
        Ok(())
    });
}
