//! Go's `fetchData`: an HTTP request that a deadline cuts, and the server sees the connection close.
//!
//! ```go
//! ctx, cancel := context.WithTimeout(ctx, 10*time.Second); defer cancel()
//! req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
//! resp, err := http.DefaultClient.Do(req)
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::net::SocketAddr;

use greenroom::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = listener.local_addr()?;
        let (closed, was_closed) = channel::bounded(1);
        let serving = scope.go(serve(listener, closed));

        println!("fast: {}", fetch(server, "/fast").await?);
        let hurried = scope.context().with_timeout(50.millis());
        match hurried.run(fetch(server, "/slow")).await {
            Ok(body) => println!("slow: {}", body?),
            Err(error) => println!("slow: {error}"),
        }
        was_closed.recv().await?;
        println!("server: the connection was closed");
        serving.cancel("the example is over");
        Ok(())
    })
}

/// A GET. When its context ends it is dropped where it waits, and its connection with it.
async fn fetch(server: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let (head, body) = (response.split_once("\r\n\r\n"))
        .ok_or_else(|| Failure::message("the response has no head"))?;
    if !head.starts_with("HTTP/1.1 200 ") {
        let status = head.lines().next().unwrap_or_default().to_owned();
        return Err(Failure::message(status));
    }
    Ok(body.to_owned())
}

/// Answers `/fast` at once, and anything else never: then it tells when the client has gone.
async fn serve(listener: TcpListener, closed: channel::Sender<()>) -> Result<()> {
    loop {
        let (mut stream, _client) = listener.accept().await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        if head.starts_with(b"GET /fast ") {
            let response = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
            stream.write_all(response.as_bytes()).await?;
        } else if !matches!(stream.read(&mut [0]).await, Ok(1..)) {
            closed.send(()).await?;
        }
    }
}
