//! How a router is described.

/// Describes a router: one actor, with a mailbox of 64 messages, in turn.
///
/// The name is the registry's group of the actors that it spawns.
///
/// # Examples
/// ```
/// # use greenroom_patterns::router::{Route, router};
/// let shards = router("shard").actors(4).mailbox(128).by(Route::LeastLoaded);
/// # let _ = shards;
/// ```
pub const fn router(name: &'static str) -> RouterOptions {
    RouterOptions {
        name,
        actors: 1,
        mailbox: 64,
        route: Route::InTurn,
    }
}

/// How a router chooses the member for a message without a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// One after the other (round robin), over all handles together.
    ///
    /// The turns are tokens in a channel of the router. Senders on several arbiters that choose at the
    /// same moment take different tokens, or a random member if there are more of them than tokens.
    #[default]
    InTurn,
    /// The one with the fewest messages in its mailbox; in turn among equals.
    ///
    /// The message that an actor has in hand does not count, so a member that is busy with its only
    /// message is as good as an idle one.
    LeastLoaded,
}

/// The description of a router. Made by [`router()`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a description does nothing until a router is spawned"]
pub struct RouterOptions {
    pub(super) name: &'static str,
    pub(super) actors: usize,
    pub(super) mailbox: usize,
    pub(super) route: Route,
}

impl RouterOptions {
    /// Sets how many actors are spawned. More than one are spread over the arbiters. Zero is refused when
    /// the router is spawned.
    pub const fn actors(mut self, count: usize) -> Self {
        self.actors = count;
        self
    }

    /// Sets how many messages the mailbox of each spawned actor holds.
    pub const fn mailbox(mut self, capacity: usize) -> Self {
        self.mailbox = capacity;
        self
    }

    /// Sets how the member for a message without a key is chosen.
    pub const fn by(mut self, route: Route) -> Self {
        self.route = route;
        self
    }
}
