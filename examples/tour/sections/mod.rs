//! The sections, in the order of the tour.

mod broadcast;
mod buffered;
mod cache;
mod cancellation;
mod condition;
mod context;
mod dynamic_select;
mod fan;
mod generator;
mod launch;
mod leak;
mod mutex;
mod once;
mod pipeline;
mod pool;
mod race;
mod rate_limiter;
mod retry;
mod router;
mod rwmutex;
mod select;
mod semaphore;
mod single_flight;
mod state;
mod supervision;
mod task_group;
mod ticker;
mod time_out;
mod unbuffered;
mod values;
mod wait_group;
mod within;
mod worker_pool;

use std::pin::Pin;

use greenroom::prelude::*;

use crate::story::Story;

type Running = Pin<Box<dyn Future<Output = Result<()>>>>;

/// One pattern.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// How Go writes it.
    pub(crate) go: &'static str,
    /// How it is written here.
    pub(crate) ours: &'static str,
    /// What is particular about it.
    pub(crate) about: &'static str,
    pub(crate) run: fn(Scope, Story) -> Running,
}

macro_rules! section {
    ($name:literal, $module:ident, $go:literal, $ours:literal, $about:literal) => {
        Section {
            name: $name,
            go: $go,
            ours: $ours,
            about: $about,
            run: |scope, mut out| {
                Box::pin(async move {
                    $module::run(scope, &mut out).await?;
                    out.end()
                })
            },
        }
    };
}

pub(crate) const SECTIONS: &[Section] = &[
    section!(
        "launch",
        launch,
        "for _, item := range items { go process(item) }",
        "scope.go_each(items, process)",
        "Each task owns its item. The scope waits for all of them, and has their errors."
    ),
    section!(
        "state",
        state,
        "a manager goroutine that owns a map and ranges over updates",
        "State::spawn(&scope, map), state.update(|map| ..)",
        "One actor owns the map. Others send it closures, which it runs one at a time."
    ),
    section!(
        "wait-group",
        wait_group,
        "wg.Add(1); go func() { defer wg.Done(); .. }(); wg.Wait()",
        "let member = group.member()?; scope.go(..); group.wait()",
        "A member is a guard: its drop counts as done, by a return, a panic or a cancel."
    ),
    section!(
        "task-group",
        task_group,
        "g, ctx := errgroup.WithContext(ctx); g.SetLimit(2); g.Go(..); g.Wait()",
        "TaskGroup::new(&scope), group.set_limit(2)?, group.go(..).await?, group.wait()",
        "The first error ends the others and is the result. A panic is an error too."
    ),
    section!(
        "unbuffered",
        unbuffered,
        "ch := make(chan int)",
        "channel::rendezvous()",
        "Sender and receiver meet: neither goes on before the other has come."
    ),
    section!(
        "buffered",
        buffered,
        "ch := make(chan int, 10); close(ch); for v := range ch",
        "channel::bounded(10), tx.close(), while let Ok(v) = rx.recv()",
        "A send waits only while the channel is full. A close lets the stored values out."
    ),
    section!(
        "generator",
        generator,
        "func generate(nums ...int) <-chan int",
        "generate(&scope, 1..=5)",
        "One value is begun ahead. The task ends with its values, its consumer or its scope."
    ),
    section!(
        "fan",
        fan,
        "fanOut(in, workers), fanIn(channels...)",
        "fan_out(&scope, input, workers, f), merge(&scope, outputs)",
        "Workers race for the values of one channel; their outputs are joined into one."
    ),
    section!(
        "pipeline",
        pipeline,
        "square(generate(1, 2, 3, 4, 5))",
        "generate(&scope, 1..=5).pipe(&scope, stage(\"square\"), f)",
        "Each stage is a closure, with as many workers as it needs, and errors have a way out."
    ),
    section!(
        "select",
        select,
        "select { case <-ch1: case <-ch2: case ch3 <- v: default: }",
        "select! { v = rx1.recv() => .., tx3.send_from(&mut slot) => .., default => .. }",
        "Exactly one ready case takes effect. A send that loses keeps its value in its slot."
    ),
    section!(
        "dynamic-select",
        dynamic_select,
        "chosen, value, ok := reflect.Select(cases)",
        "for rx in &inputs { select.recv(rx, |got| got); } select.wait()",
        "As many cases as there are channels at run time, with the guarantees of select!."
    ),
    section!(
        "time-out",
        time_out,
        "select { case r := <-ch: case <-time.After(d): }",
        "select! { r = rx.recv() => .., after(d) => .. }",
        "A future may stand beside channels, and is made anew by each select."
    ),
    section!(
        "ticker",
        ticker,
        "ticker := time.NewTicker(d); case <-ticker.C:",
        "let ticker = tick(d)?; select! { ticker.tick() => .., .. }",
        "A value and no task: dropped, it is gone. A slow reader misses ticks."
    ),
    section!(
        "cancellation",
        cancellation,
        "select { case <-ctx.Done(): return; case job := <-jobs: }",
        "select! { context.done() => .., job = jobs.recv() => .. }",
        "A worker that watches its context beside its jobs, the cancel first."
    ),
    section!(
        "context",
        context,
        "ctx, cancel := context.WithCancel(parent); defer cancel()",
        "let (context, cancel) = parent.with_cancel_cause()",
        "A cancel marks everything below before it returns; the parent goes on."
    ),
    section!(
        "deadline",
        within,
        "ctx, cancel := context.WithTimeout(ctx, d); Do(req)",
        "context.with_timeout(d).run(fetch())",
        "The context rides on every message. No call takes it as a parameter."
    ),
    section!(
        "values",
        values,
        "context.WithValue(ctx, requestIDKey, id); ctx.Value(key)",
        "context.with_value(RequestId(..)), context.value::<RequestId>()",
        "Found by their type, in any task or handler below."
    ),
    section!(
        "mutex",
        mutex,
        "c.mu.Lock(); defer c.mu.Unlock(); c.count++",
        "*count.lock().await? += 1, or count.update(|n| *n += 1)",
        "A lease carries the value and brings it home. With a State, what was between is a closure."
    ),
    section!(
        "rwmutex",
        rwmutex,
        "c.mu.RLock(); item, ok := c.items[key]; c.mu.RUnlock()",
        "items.read().await?.get(key), or items.watch(), watch.get().get(key)",
        "Readers share a lease; or they take the last snapshot, without a message."
    ),
    section!(
        "condition",
        condition,
        "for len(queue) == 0 { cond.Wait() }",
        "cond.wait_while(queue.lock().await?, |queue| queue.is_empty())",
        "A wait sends its lease home and begins in one step: no signal falls between."
    ),
    section!(
        "once",
        once,
        "once.Do(func() { instance = .. }), sync.OnceValue(f)",
        "Once::spawn(&scope, init), once.get()",
        "The run is a task of the scope: a caller that gives up ends it for nobody."
    ),
    section!(
        "single-flight",
        single_flight,
        "v, err, shared := g.Do(key, load)",
        "flights.call(key, load), flights.start(key, load)",
        "Who asks for a key in flight joins its run. When nobody waits, that is cancelled."
    ),
    section!(
        "cache",
        cache,
        "a map under an RWMutex, and singleflight.Do(key, load)",
        "items.get(key), items.get_or_insert_with(key, load)",
        "Readers wait for nobody. However many ask for a key, it is loaded once."
    ),
    section!(
        "broadcast",
        broadcast,
        "for _, ch := range subscribers { ch <- v }; close(done)",
        "let mut news = prices.subscribe().await?; prices.send(v).await?",
        "All get each value, or none do. A slow one is told how many it missed."
    ),
    section!(
        "router",
        router,
        "shards[hash(key)%n] <- msg",
        "shards.key(key).tell(msg), shards.tell(msg)",
        "A key keeps its actor. When one comes or goes, few keys move."
    ),
    section!(
        "pool",
        pool,
        "buf := pool.Get().(*bytes.Buffer); defer func() { buf.Reset(); pool.Put(buf) }()",
        "let mut buffer = pool.get().await?",
        "A guard that goes back at its drop, and is reset then. There are so many and no more."
    ),
    section!(
        "worker-pool",
        worker_pool,
        "workerPool(jobs, results, workers)",
        "WorkerPool::spawn(&scope, pool(\"square\").workers(3), f), pool.results(jobs)",
        "A panic costs its own job. The results close once, after the last of them."
    ),
    section!(
        "semaphore",
        semaphore,
        "sem <- struct{}{}; go func() { defer func() { <-sem }(); process(item) }()",
        "let permit = semaphore.acquire().await?; scope.go(..)",
        "A permit is a guard that moves into the task. A large request is not overtaken."
    ),
    section!(
        "rate-limiter",
        rate_limiter,
        "rate.NewLimiter(rate.Every(d), 3); limiter.Wait(ctx)",
        "RateLimiter::spawn(&scope, Limit::every(d), 3), limiter.wait()",
        "Tokens are counted in whole numbers. A wait that would be too late takes none."
    ),
    section!(
        "retry",
        retry,
        "for { if err = f(); err == nil { break }; select { case <-time.After(d): .. } }",
        "retry(policy, || async { .. })",
        "The delays grow up to a cap, with jitter, and the context ends them."
    ),
    section!(
        "leak",
        leak,
        "go func() { ch <- expensive() }() that nobody receives",
        "a task ends with its consumer, its context or its scope",
        "What would stay blocked for ever has an end here."
    ),
    section!(
        "data-race",
        race,
        "go func() { counter++ }(), twice",
        "counter.update(|n| *n += 1)",
        "Two tasks that borrow one variable do not compile. Its owner counts for all of them."
    ),
    section!(
        "supervision",
        supervision,
        "a panic in a goroutine ends the process",
        "a supervisor builds the actor anew; its address and queue stay",
        "What Go leaves to the process is a message to the asker and a restart."
    ),
];
