//! Select: waits for one of several operations, and makes exactly one. See [`select!`](crate::select!).
//!
//! The cases of [`select!`](crate::select!) are known to the compiler; those of a [`Select`] are made at
//! run time. One engine drives both.
//!
//! A case is one of four kinds: an operation of a channel, a tick (of a ticker or a timer that tasks
//! share), a signal (the end of a context, or a timer of its own), and any other future. The kernel's
//! cases are the first three. A tick is handed over, as a channel's value is, and what is said of
//! channels holds for it; only the end of the current context does not fail it.
//!
//! # Invariants
//! 1. A kernel case fires only at an instant at which every kernel case tried before it in the same
//!    pass was not ready. Each try locks its own channel only, and notes the channel's version. Before a
//!    ready case takes effect, under its own lock, the noted versions must still hold; else the pass
//!    begins anew. A signal needs no lock: once ready it stays so, and its version is just that. Without the check: A finds c1 empty, B puts a value into c1 and then one into c2,
//!    A takes from c2. Then a biased select has passed over the case that was ready first.
//! 2. The default fires only if all noted versions still hold after the last try, so that at the
//!    instant of that try nothing was ready. Without it: c1 holds a value. A finds c2 empty, B puts a
//!    value into c2 and takes the one in c1, A finds c1 empty and takes the default, although one of
//!    the two was ready all the time. The version is written before the lock is released and read
//!    after a later lock of the same or another channel: whoever sees what B did in c1 sees what B did
//!    before that in c2, and its version with it.
//! 3. While it waits, a select has an entry in each channel and signal, and one claim for them all.
//!    Whoever meets an entry must win the claim before it hands over or takes a value, so one case
//!    fires, once. A signal wins it at the moment at which it fires, not when the task runs: a cancel
//!    and then a send in one turn fire the case of the context, and the send finds nobody. A value
//!    handed over lies in the entry of the claimed case: no losing case ever holds one. A value to send
//!    lies in its case's entry until the claim is won for that case; a losing case takes it back.
//! 4. Futures that are not the kernel's are polled while the claim is held back, so no peer can fire a
//!    case while a future does. A signal claims nevertheless, and fires unless a future does. A peer goes past such a select; before it waits again it looks at each
//!    channel from inside. Without that look: the peer finds it busy and begins to wait, then the
//!    select begins to wait, and both wait for ever.
//! 5. It enters the queues in the order of the channels' addresses, and looks in the same step whether
//!    the case is ready by now, or its counterpart waits there in another select. If so it leaves all
//!    queues and starts over. Of two selects that meet in several channels, the one that came second to
//!    the first of them starts over there, so they do not turn each other away for ever.
//! 6. A select never meets itself: while it tries, it waits nowhere; and when it looks from inside it
//!    passes over entries with its own claim.
//! 7. It enters the signals before the channels. In the other order: it is in the channel's queue, A
//!    cancels and then sends to it, and only then it would look at the context. If it turns out while
//!    it enters that something is ready, a claim of a signal counts for nothing: what is ready then is
//!    tried in order, and the signal with it, still ready.
//! 8. A select that ends, is dropped or starts over has no entry anywhere, also for a case that is kept
//!    by reference.
//!
//! A select whose other futures are being polled at this moment does not count as waiting: a `try_`
//! operation or a default may pass it, as it would pass a task that has not come to its select yet.
//!
//! # Ordering
//! Among the cases that are ready the choice is random with equal chances for each case, not for each
//! channel, or the first in the written order after `biased;`.

mod case;
mod cases;
mod dynamic;
mod future;
mod set;
mod signal;

#[doc(hidden)]
pub use case::{Attempt, Kernel, Kind};
#[doc(hidden)]
pub use case::{ByFuture, ByKernel, Case, FutureCase, KernelCase, Pinned, future};
#[doc(hidden)]
pub use cases::{Cases, Cons, Fired, List, Never, Nil};
pub use dynamic::{CaseId, Select};
#[doc(hidden)]
pub use future::{Selecting, SelectingOrDefault};
#[doc(hidden)]
pub use set::Set;
pub(crate) use signal::{Signal, Watcher};

/// Waits until one of several cases can fire, fires exactly that one, and runs its body.
///
/// ```text
/// select! {
///     biased;                            // optional: the first ready case in the written order
///     pattern = future => body,          // the output is matched against the pattern
///     future => body,                    // the output is ignored
///     pattern = future, if guard => ..,  // not there while the guard is false
///     default => body,                   // instead of waiting
/// }
/// ```
///
/// The futures of a channel ([`send`](crate::channel::Sender::send),
/// [`send_from`](crate::channel::Sender::send_from), [`recv`](crate::channel::Receiver::recv),
/// [`recv_many`](crate::channel::Receiver::recv_many)), the end of a context
/// ([`done`](crate::Context::done)), a timer ([`after`](crate::time::after),
/// [`fired`](crate::time::Timer::fired)) and a tick ([`tick`](crate::time::Ticker::tick)) are tried as
/// one atomic step: at the instant at which one fires, no case tried before it was ready, and at the instant at
/// which the default fires, none was. What fires first while the select waits wins it at that moment: after
/// a cancel that it waits for, a send finds no receiver here. A timer is ready from when it has fired,
/// or a try has seen that its time has come.
///
/// One narrow case is weaker, between two channels only: while a select enters their queues, a peer may
/// make the first ready and then win it through the second. The second fires, though the first was ready
/// before, also after `biased;`. No value is lost, and the next select takes the first.
///
/// Any other future may stand in a case: it is polled, without that guarantee. A reference to a
/// channel's future (`&mut receive`) is such a future too; one to a timer (`&mut timer`) or to the end of
/// a context is as good as the thing itself.
///
/// A send on a closed channel is ready: it fires with its error. So does a receive from a closed and
/// drained one.
///
/// Patterns must match every output. A future is made only if its guard holds; with no case left and no
/// default it waits for ever. Bodies are in the surrounding function: `break`, `return`, `?` and
/// `.await` work there, and borrows of the cases have ended. At most 64 cases; from about 32 on the
/// compiler asks for a higher `recursion_limit`. For cases that are made at run time there is
/// [`Select`](crate::select::Select).
///
/// # Errors
/// When the current context ends, a select with a channel's case fires the first of them with its
/// `Cancelled` or `Deadline` error, in the same way as the operation by itself would. If a case waits
/// for a context that has ended ([`Context::done`](crate::Context::done)), that one is simply ready,
/// beside others that are. A select without a channel's case has nothing to fail with: it goes on.
///
/// # Cancel safety
/// Dropping the select loses nothing: a value that was handed to it goes to the next receiver, a value
/// of `send_from` goes back into its slot, unless it was accepted before. The value of a losing
/// `send(value)` is dropped. What other futures do when they lose is theirs to say.
///
/// # Differences from Go
/// - A nil channel is a case with a false guard.
/// - A future in a case is made anew by each select, as Go evaluates its operands; keep one over
///   several selects by `&mut`.
/// - A case that fails does not panic.
/// - `break` in a body leaves the loop around the select, as it would without it; in Go it leaves the
///   select only. To do that put the select into a labelled block: `'select: { select! { .. } }`.
///
/// # Examples
/// ```
/// # use greenroom_core::{channel::{self, RecvError}, doc_support::{block_on, root}, select};
/// # block_on(async {
/// let (tx, rx) = channel::bounded::<u32>(1);
/// let (out, _results) = channel::rendezvous::<u32>();
/// let (context, cancel) = root().with_cancel();
/// let mut slot = Some(1);
/// tx.send(7).await?;
/// let got = select! {
///     value = rx.recv() => value?,
///     out.send_from(&mut slot) => unreachable!("nobody receives"),
///     context.done() => return Ok(()),
/// };
/// assert_eq!((got, slot), (7, Some(1)));
///
/// let empty = select! {
///     _ = rx.recv() => false,
///     default => true,
/// };
/// assert!(empty);
///
/// tx.close();
/// cancel.cancel();
/// select! {
///     biased;
///     value = rx.recv() => assert!(matches!(value, Err(RecvError::Closed))),
///     context.done() => unreachable!("the first ready case fires"),
/// }
/// # Ok::<(), greenroom_core::Failure>(())
/// # }).unwrap();
/// ```
#[macro_export]
macro_rules! select {
    // A case without a pattern, as far as it is a path, calls and fields. It comes before the patterns,
    // since `after(5.secs())` begins like a pattern and would then be an error.
    (@case $how:ident $default:tt [$($cases:tt)*]) => {
        $crate::select!(@build $how $default $($cases)*)
    };
    (@case $how:ident {} [$($cases:tt)*] default => $($rest:tt)*) => {
        $crate::select!(@default $how [$($cases)*] $($rest)*)
    };
    (@case $how:ident {$($default:tt)+} [$($cases:tt)*] default => $($rest:tt)*) => {
        ::core::compile_error!("a select has one default at most")
    };
    (@case $how:ident $default:tt [$($cases:tt)*]
        $($path:ident)::+ $(($($arguments:tt)*))? $(.$member:tt $(($($more:tt)*))?)*
        $(, if $guard:expr)? => $($rest:tt)*
    ) => {
        $crate::select!(@body $how $default [$($cases)*]
            {_} {$($path)::+ $(($($arguments)*))? $(.$member $(($($more)*))?)*} {$($guard)?}
            $($rest)*)
    };
    (@case $how:ident $default:tt [$($cases:tt)*]
        $pattern:pat = $future:expr $(, if $guard:expr)? => $($rest:tt)*
    ) => {
        $crate::select!(@body $how $default [$($cases)*] {$pattern} {$future} {$($guard)?} $($rest)*)
    };
    (@case $how:ident $default:tt [$($cases:tt)*]
        $future:expr $(, if $guard:expr)? => $($rest:tt)*
    ) => {
        $crate::select!(@body $how $default [$($cases)*] {_} {$future} {$($guard)?} $($rest)*)
    };

    (@body $how:ident $default:tt [$($cases:tt)*] $p:tt $f:tt $g:tt $body:block, $($rest:tt)*) => {
        $crate::select!(@case $how $default [$($cases)* {$p $f $g {$body}}] $($rest)*)
    };
    (@body $how:ident $default:tt [$($cases:tt)*] $p:tt $f:tt $g:tt $body:block $($rest:tt)*) => {
        $crate::select!(@case $how $default [$($cases)* {$p $f $g {$body}}] $($rest)*)
    };
    (@body $how:ident $default:tt [$($cases:tt)*] $p:tt $f:tt $g:tt $body:expr, $($rest:tt)*) => {
        $crate::select!(@case $how $default [$($cases)* {$p $f $g {$body}}] $($rest)*)
    };
    (@body $how:ident $default:tt [$($cases:tt)*] $p:tt $f:tt $g:tt $body:expr) => {
        $crate::select!(@case $how $default [$($cases)* {$p $f $g {$body}}])
    };

    (@default $how:ident $cases:tt $body:block, $($rest:tt)*) => {
        $crate::select!(@case $how {$body} $cases $($rest)*)
    };
    (@default $how:ident $cases:tt $body:block $($rest:tt)*) => {
        $crate::select!(@case $how {$body} $cases $($rest)*)
    };
    (@default $how:ident $cases:tt $body:expr, $($rest:tt)*) => {
        $crate::select!(@case $how {$body} $cases $($rest)*)
    };
    (@default $how:ident $cases:tt $body:expr) => {
        $crate::select!(@case $how {$body} $cases)
    };

    // The futures live until the end of the first statement, so that their borrows do not reach the
    // bodies.
    (@build $how:ident {} $($cases:tt)*) => {{
        let fired = {
            #[allow(unused_imports, reason = "which of them is used depends on the cases")]
            use $crate::select::{ByFuture as _, ByKernel as _};
            let fired = $crate::select::Selecting::$how($crate::select!(@list $($cases)*)).await;
            fired
        };
        $crate::select!(@match fired $($cases)*)
    }};
    (@build $how:ident {$default:expr} $($cases:tt)*) => {{
        let fired = {
            #[allow(unused_imports, reason = "which of them is used depends on the cases")]
            use $crate::select::{ByFuture as _, ByKernel as _};
            let fired = $crate::select::Selecting::$how($crate::select!(@list $($cases)*))
                .or_default()
                .await;
            fired
        };
        match fired {
            ::core::option::Option::Some(fired) => $crate::select!(@match fired $($cases)*),
            ::core::option::Option::None => $default,
        }
    }};

    (@list) => { $crate::select::Nil };
    (@list {{$($p:tt)*} {$($future:tt)*} {$($guard:tt)*} $body:tt} $($rest:tt)*) => {
        $crate::select::Cons::new(
            $crate::select::Pinned::new(::core::pin::pin!(
                $crate::select!(@make {$($future)*} {$($guard)*})
            ))
            .greenroom_case(),
            $crate::select!(@list $($rest)*),
        )
    };
    (@make {$($future:tt)*} {}) => {
        ::core::option::Option::Some($crate::select::future($($future)*))
    };
    (@make {$($future:tt)*} {$guard:expr}) => {
        if $guard {
            ::core::option::Option::Some($crate::select::future($($future)*))
        } else {
            ::core::option::Option::None
        }
    };

    (@match $fired:ident) => { match $fired {} };
    (@match $fired:ident {{$($pattern:tt)*} $f:tt $g:tt {$body:expr}} $($rest:tt)*) => {
        match $fired {
            $crate::select::Fired::Here($($pattern)*) => $body,
            $crate::select::Fired::There(fired) => $crate::select!(@match fired $($rest)*),
        }
    };

    (biased; $($cases:tt)*) => { $crate::select!(@case biased {} [] $($cases)*) };
    ($($cases:tt)*) => { $crate::select!(@case fair {} [] $($cases)*) };
}
