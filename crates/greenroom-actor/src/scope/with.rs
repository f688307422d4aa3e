//! Tasks that keep ends of channels for themselves, so that it is certain where those are.

use std::panic::Location;

use greenroom_core::Result;
use greenroom_core::certain::holding;
use greenroom_core::channel::Ends;
use greenroom_core::task::TaskKind;

use super::{JoinHandle, Scope};

impl Scope {
    /// Starts a task with ends of channels that stay with it: as [`go_local`](Self::go_local), but it is
    /// certain that this task has them, and no one else.
    ///
    /// The closure gets a reference to them, and whatever it makes of that cannot leave the task. So
    /// [`Runtime::stuck`](crate::Runtime::stuck) can tell that tasks wait for each other in vain. `ends`
    /// is a sender, a receiver, or a tuple, a list or an option of such; `()` serves a task that only
    /// waits for others.
    ///
    /// The ends are dropped with the task, as if it had captured them. What else it needs is captured
    /// (`async move |ends| ..`), also further ends: then it is not certain where those are, nor where
    /// clones are that it makes.
    ///
    /// It costs one allocation more than [`go`](Self::go), and one for the list of the ends.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::Runtime;
    /// use greenroom_core::channel;
    /// let doubled = Runtime::new()?.block_on(|scope| async move {
    ///     let (numbers, take) = channel::rendezvous::<u32>();
    ///     let (give, results) = channel::rendezvous::<u32>();
    ///     scope.go_with((take, give), async |(take, give)| {
    ///         while let Ok(n) = take.recv().await {
    ///             give.send(n * 2).await?;
    ///         }
    ///         Ok(())
    ///     });
    ///     numbers.send(21).await?;
    ///     drop(numbers);
    ///     Ok(results.recv().await?)
    /// })?;
    /// assert_eq!(doubled, 42);
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    /// The ends do not leave the task:
    /// ```compile_fail
    /// # use greenroom_actor::Scope;
    /// # use greenroom_core::channel::Sender;
    /// fn start(scope: &Scope, tx: Sender<u8>) {
    ///     scope.go_with(tx, async |tx| {
    ///         std::thread::spawn(move || tx.try_send(1));
    ///         Ok(())
    ///     });
    /// }
    /// ```
    #[track_caller]
    pub fn go_with<E, T, F>(&self, ends: E, body: F) -> JoinHandle<T>
    where
        E: Ends,
        T: Send + 'static,
        F: AsyncFnOnce(&E) -> Result<T> + Send + 'static,
    {
        self.launch(TaskKind::Task, Location::caller(), None, move || {
            holding(ends, body)
        })
    }
}
