//! actix-web as a host: `curl -i http://127.0.0.1:<port>/any/page`.
//!
//! A full queue is answered with 503, a deadline that passed with 504. At SIGINT or SIGTERM it takes no
//! new connections, answers every request that it has begun, says what the grace did not suffice for, and
//! ends. A second signal ends it at once.
#![allow(clippy::print_stdout, reason = "an example prints")]

mod hits;

use std::net::TcpListener;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use clap::Parser;
use futures_util::future::join;
use greenroom::prelude::*;
use hits::{Hits, Options};

fn main() -> Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(("127.0.0.1", options.port))?;
    let runtime = Runtime::new()?;
    let stop = runtime.context().with_signals(Signal::ALL)?;
    rt::System::new().block_on(async {
        let serve = |hits| serve(listener, hits, stop.clone());
        Hits::open(&runtime, options, &stop, serve).await
    })
}

async fn serve(listener: TcpListener, hits: Hits, stop: Context) -> Result<()> {
    println!("listening on {}", listener.local_addr()?);
    let data = web::Data::new(hits.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .default_service(web::to(hit))
    })
    .workers(2)
    // The context hears the signals.
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    let stopped = async move {
        stop.done().await;
        handle.stop(true).await;
    };
    let (served, ()) = join(server, stopped).await;
    served?;
    let totals = hits.totals().await?;
    println!("accepted {}, answered {}", totals.accepted, totals.answered);
    Ok(())
}

async fn hit(hits: web::Data<Hits>, request: HttpRequest) -> HttpResponse {
    let answer = hits.answer(request.path().to_owned()).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).body(answer.text)
}
