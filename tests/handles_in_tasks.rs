//! A handle goes into a task whatever it holds: borrowed text, owned text, and what is not `Sync`.
//!
//! That a future is `Send` is what the compiler finds out for each task, and for a `&'static str` it
//! sometimes fails to ("not general enough"), though nothing is wrong. So most of this is proven when it
//! compiles.

mod support;

use std::cell::Cell;

use greenroom::patterns::broadcast::ReceiveError;
use greenroom::prelude::*;
use support::check;

#[test]
fn a_state() {
    check(|scope| async move {
        let borrowed = State::spawn(&scope, "a").await?;
        let owned = State::spawn(&scope, String::from("a")).await?;
        let cell = State::spawn(&scope, Cell::new(1)).await?;
        let read = scope.go(async move {
            assert_eq!(borrowed.replace("b").await?, "a");
            borrowed.update(|text| *text = "c").await?;
            borrowed.try_update(|text| text.parse::<u8>()).await.ok();
            assert_eq!(*borrowed.watch().await?.get(), "c");
            owned.update(|text| text.push('b')).await?;
            cell.update(|n| n.set(2)).await?;
            cell.replace(Cell::new(3)).await?;
            let n = cell.read(Cell::get).await?;
            Ok((
                borrowed.read(|text| *text).await?,
                owned.read(String::clone).await?,
                n,
            ))
        });
        assert_eq!(read.await?, ("c", String::from("ab"), 3));
        Ok(())
    });
}

#[test]
fn a_mutex_its_lease_and_its_condition() {
    check(|scope| async move {
        let borrowed = Mutex::spawn(&scope, "a").await?;
        let owned = Mutex::spawn(&scope, String::from("a")).await?;
        let cell = Mutex::spawn(&scope, Cell::new(1)).await?;
        let (text, is_set) = (borrowed.clone(), borrowed.condition());
        let set = is_set.clone();
        let waiter = scope.go(async move {
            let lease = is_set
                .wait_while(text.lock().await?, |text| *text != "b")
                .await?;
            sleep(1.millis()).await?;
            Ok(*lease)
        });
        let (text, is_set) = (owned.clone(), owned.condition());
        let pushed = is_set.clone();
        let owner = scope.go(async move {
            let lease = is_set
                .wait_while(text.lock().await?, |text| text.len() < 2)
                .await?;
            Ok(lease.clone())
        });
        let setter = scope.go(async move {
            *borrowed.lock().await? = "b";
            set.broadcast();
            owned.lock().await?.push('b');
            pushed.signal();
            let lease = cell.lock().await?;
            sleep(1.millis()).await?;
            lease.set(2);
            drop(lease);
            borrowed.status().await?;
            drop(borrowed.recover().await?);
            let n = cell.try_lock().await?.get();
            Ok(n)
        });
        assert_eq!(
            (waiter.await?, owner.await?, setter.await?),
            ("b", String::from("ab"), 2)
        );
        Ok(())
    });
}

#[test]
fn a_read_write_mutex() {
    check(|scope| async move {
        let borrowed = RwMutex::spawn(&scope, "a").await?;
        let owned = RwMutex::spawn(&scope, String::from("a")).await?;
        let read = scope.go(async move {
            *borrowed.write().await? = "b";
            owned.write().await?.push('b');
            *borrowed.try_write().await? = "c";
            borrowed.status().await?;
            drop(owned.recover().await?);
            let (one, two) = (borrowed.read().await?, owned.try_read().await?);
            sleep(1.millis()).await?;
            Ok(((*one).to_owned(), two.clone()))
        });
        assert_eq!(read.await?, (String::from("c"), String::from("ab")));
        Ok(())
    });
}

#[test]
fn a_pool_and_its_items() {
    check(|scope| async move {
        let borrowed = Pool::spawn(&scope, pool_from(["a"]).max(2)).await?;
        let owned = Pool::spawn(&scope, pool_of(|| async { Ok(String::from("a")) })).await?;
        let cell = Pool::spawn(&scope, pool_of(|| async { Ok(Cell::new(1)) })).await?;
        let used = scope.go(async move {
            borrowed.put("b").await?;
            let item = borrowed.get().await?;
            sleep(1.millis()).await?;
            drop(borrowed.try_get().await?);
            drop(item);
            owned.get().await?.push('b');
            cell.get().await?.set(2);
            let counts = (borrowed.counts().await?.idle, owned.counts().await?.idle);
            borrowed.close();
            borrowed.closed().await?;
            Ok((counts, cell.get().await?.get()))
        });
        assert_eq!(used.await?, ((2, 1), 2));
        Ok(())
    });
}

#[test]
fn a_worker_pool_and_its_tickets() {
    check(|scope| async move {
        let borrowed = |text: &'static str| async move { Ok(text) };
        let borrowed = WorkerPool::spawn(&scope, pool("borrowed"), borrowed).await?;
        let owned = |text: String| async move { Ok(text) };
        let owned = WorkerPool::spawn(&scope, pool("owned"), owned).await?;
        let cell = |n: Cell<u8>| async move { Ok(n) };
        let cell = WorkerPool::spawn(&scope, pool("cell"), cell).await?;
        let done = scope.go(async move {
            borrowed.resize(2).await?;
            let (one, two) = (borrowed.submit("a").await?, borrowed.submit("b").await?);
            let done = (one.wait().await?, two.wait().await?);
            let all = borrowed.submit_all_in_order(["c", "d"]);
            assert_eq!((all.recv().await??, all.recv().await??), ("c", "d"));
            let text = owned.run(String::from("a")).await?;
            let n = cell.run(Cell::new(1)).await?.get();
            borrowed.drain().await?;
            Ok((done, text, n))
        });
        assert_eq!(done.await?, (("a", "b"), String::from("a"), 1));
        Ok(())
    });
}

#[test]
fn a_broadcast_and_its_subscriptions() {
    check(|scope| async move {
        let borrowed = Broadcast::spawn(&scope, broadcast()).await?;
        let owned = Broadcast::spawn(&scope, broadcast()).await?;
        let cell = Broadcast::spawn(&scope, broadcast()).await?;
        let told = scope.go(async move {
            let mut one = borrowed.subscribe().await?;
            borrowed.send("a").await?;
            borrowed.try_send("b").await?;
            let mut two = owned.subscribe().await?;
            owned.send(String::from("a")).await?;
            let mut three = cell.subscribe().await?;
            cell.send(Cell::new(1)).await.ok();
            assert_eq!(borrowed.subscribers().await?, 1);
            let all = (
                one.recv().await?,
                two.recv().await?,
                three.recv().await?.get(),
            );
            borrowed.close().await;
            one.recv().await?;
            assert!(matches!(one.recv().await, Err(ReceiveError::Closed)));
            Ok(all)
        });
        assert_eq!(told.await?, ("a", String::from("a"), 1));
        Ok(())
    });
}

#[test]
fn a_cache() {
    check(|scope| async move {
        let borrowed = Cache::spawn(&scope, cache()).await?;
        let owned = Cache::spawn(&scope, cache()).await?;
        let cached = scope.go(async move {
            borrowed.set("a", "1").await?;
            let loaded = borrowed
                .get_or_insert_with("b", || async { Ok("2") })
                .await?;
            owned.set(String::from("a"), String::from("1")).await?;
            let text = owned.get("a");
            borrowed.remove("a").await?;
            borrowed.clear().await?;
            Ok((borrowed.get("a"), loaded, text))
        });
        assert_eq!(cached.await?, (None, "2", Some(String::from("1"))));
        Ok(())
    });
}

struct Echo;

impl Actor for Echo {}

impl Handler<&'static str> for Echo {
    type Reply = &'static str;

    async fn handle(&mut self, text: &'static str, _cx: &mut ActorContext<Self>) -> &'static str {
        text
    }
}

impl Handler<Cell<u8>> for Echo {
    type Reply = Cell<u8>;

    async fn handle(&mut self, n: Cell<u8>, _cx: &mut ActorContext<Self>) -> Cell<u8> {
        n
    }
}

#[test]
fn an_address_a_recipient_and_a_router() {
    check(|scope| async move {
        let echo = scope.spawn(|| Echo).await?;
        let routes = Router::spawn(&scope, router("echo").actors(2), |_| Echo).await?;
        let told = scope.go(async move {
            echo.tell("a").await?;
            let texts: Recipient<&'static str, _> = echo.recipient();
            texts.tell("b").await?;
            let asked = (echo.ask("c").await?, texts.ask("d").await?);
            assert_eq!(echo.ask(Cell::new(1)).await?.get(), 1);
            routes.tell("e").await?;
            routes.key("f").tell("f").await?;
            routes.add(echo.clone()).await?;
            routes.resize(1).await?;
            let routed = (routes.ask("g").await?, routes.key("h").ask("h").await?);
            routes.remove(echo.id()).await?;
            Ok((
                asked,
                routed,
                routes.ask(Cell::new(2)).await.map(Cell::into_inner).ok(),
            ))
        });
        assert_eq!(told.await?, (("c", "d"), ("g", "h"), Some(2)));
        Ok(())
    });
}

#[test]
fn runs_that_are_shared() {
    check(|scope| async move {
        let once = Once::spawn(&scope, || async { Ok("a") }).await?;
        let borrowed = SingleFlight::spawn(&scope).await?;
        let owned = SingleFlight::spawn(&scope).await?;
        let shared = scope.go(async move {
            let one = borrowed.call("k", || async { Ok("b") }).await?;
            let two = borrowed.start("k", || async { Ok("c") }).wait().await?;
            let run = || async { Ok(String::from("d")) };
            let three = owned.call(String::from("k"), run).await?;
            Ok((*once.get().await?, one.value, two.value, three.value))
        });
        assert_eq!(shared.await?, ("a", "b", "c", String::from("d")));
        Ok(())
    });
}

#[test]
fn what_counts_beside_borrowed_text() {
    check(|scope| async move {
        let permits = Semaphore::spawn(&scope, 3).await?;
        let group = WaitGroup::spawn(&scope).await?;
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(3), 3).await?;
        let counted = scope.go(async move {
            let text = "a";
            let permit = permits.acquire().await?;
            drop(permits.acquire_many(2).await?);
            drop(permits.try_acquire().await?);
            group.go(async { Ok("b") }).await?;
            group.wait().await?;
            limiter.wait().await?;
            limiter.try_acquire().await?;
            let reserved = limiter.reserve().await?;
            Ok((
                text,
                permit.permits(),
                permits.available().await?,
                reserved.tokens(),
            ))
        });
        assert_eq!(counted.await?, ("a", 1, 2, 1));
        Ok(())
    });
}

#[test]
fn streams_and_their_stages() {
    check(|scope| async move {
        let inner = scope.clone();
        let texts = scope.go(async move {
            let scope = inner;
            let piped = generate(&scope, ["a", "b"])
                .pipe(
                    &scope,
                    stage("same").workers(4),
                    |text| async move { Ok(text) },
                )
                .collect()
                .await?;
            let outputs = fan_out(&scope, generate(&scope, ["c"]), 2, |text| async move {
                Ok(text)
            })?;
            let last = merge(&scope, outputs).fold("", |_, text| text).await?;
            let group = TaskGroup::new(&scope);
            let member = group.go(async { Ok("d") }).await?;
            group.wait().await?;
            Ok((piped, last, member.await?))
        });
        assert_eq!(texts.await?, (vec!["a", "b"], "c", "d"));
        Ok(())
    });
}

#[test]
fn channels_selects_and_retries() {
    check(|scope| async move {
        let (tx, rx) = channel::bounded(1);
        let texts = scope.go(async move {
            let text = retry(RetryPolicy::new(), || async { blocking(|| Ok("a")).await }).await?;
            tx.send(text).await?;
            let received = select! {
                text = rx.recv() => text?,
                sent = tx.send("b") => { sent?; "sent" }
                after(1.secs()) => "late",
            };
            Ok(received)
        });
        assert_eq!(texts.await?, "a");
        Ok(())
    });
}
