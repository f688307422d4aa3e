//! What becomes of each message and each value.
//!
//! # Invariants
//! 1. A token is one value that cannot be cloned, and its end records one fate: so a fate is recorded
//!    once, and a token without one is still somewhere.
//! 2. Whoever sent a token hears something of it as well, and that must agree with its fate.
//! 3. Each client has books of its own; they are merged when nobody writes in them any more.

use std::array;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenroom::prelude::Context;

/// How something ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fate {
    /// Its handler, its job or its reader did what was to be done.
    Handled = 1,
    /// It was not taken, or was still queued where nobody takes anything any more.
    Refused,
    /// The deadline came before the handler.
    Expired,
    /// The asker had gone, or its context was cancelled, before the handler began.
    Abandoned,
    /// A policy dropped it: one that is too slow, or a place that another took.
    Dropped,
    /// It lay idle where it was kept, when that ended.
    Stored,
    /// Its handler, or the line it was in, was cancelled half-way.
    Cut,
    /// It was in the hands of one who panicked.
    Lost,
}

impl Fate {
    pub(crate) const ALL: [Self; 8] = [
        Self::Handled,
        Self::Refused,
        Self::Expired,
        Self::Abandoned,
        Self::Dropped,
        Self::Stored,
        Self::Cut,
        Self::Lost,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
            Self::Dropped => "dropped",
            Self::Stored => "stored",
            Self::Cut => "cut",
            Self::Lost => "lost",
        }
    }

    fn index(self) -> usize {
        self as usize - 1
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| *fate as u8 == number)
    }

    fn had_begun(self) -> bool {
        matches!(self, Self::Handled | Self::Cut | Self::Lost)
    }
}

/// What a sender hears, as far as it says something of the fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Told {
    /// There is an answer.
    Answered = 1,
    /// The handler, or the job, panicked.
    Panicked,
    /// It was never begun.
    Never,
    /// It was begun, and there is no answer.
    Begun,
}

impl Told {
    const ALL: [Self; 4] = [Self::Answered, Self::Panicked, Self::Never, Self::Begun];

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|told| *told as u8 == number)
    }

    fn agrees_with(self, fate: Fate) -> bool {
        match self {
            Self::Answered => fate == Fate::Handled,
            Self::Panicked => fate == Fate::Lost,
            Self::Never => !fate.had_begun(),
            Self::Begun => fate.had_begun(),
        }
    }
}

/// What the tokens of a book are: a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Asks,
    Tells,
    Timers,
    Streams,
    Routed,
    Jobs,
    Pipeline,
    Fan,
    Broadcast,
    Channel,
    Items,
    Entries,
    Leases,
}

impl Kind {
    pub(crate) const ALL: [Self; 13] = [
        Self::Asks,
        Self::Tells,
        Self::Timers,
        Self::Streams,
        Self::Routed,
        Self::Jobs,
        Self::Pipeline,
        Self::Fan,
        Self::Broadcast,
        Self::Channel,
        Self::Items,
        Self::Entries,
        Self::Leases,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Asks => "asks",
            Self::Tells => "tells",
            Self::Timers => "timers",
            Self::Streams => "streams",
            Self::Routed => "routed",
            Self::Jobs => "jobs",
            Self::Pipeline => "pipeline",
            Self::Fan => "fan",
            Self::Broadcast => "broadcast",
            Self::Channel => "channel",
            Self::Items => "items",
            Self::Entries => "entries",
            Self::Leases => "leases",
        }
    }

    /// What it means that a token of this kind was let go of before anybody began with it.
    fn unserved(self) -> Fate {
        match self {
            Self::Pipeline | Self::Fan | Self::Channel => Fate::Cut,
            Self::Broadcast | Self::Entries => Fate::Dropped,
            Self::Items => Fate::Stored,
            _ => Fate::Refused,
        }
    }

    /// Whether tokens of this kind are messages to workers.
    pub(crate) fn is_message(self) -> bool {
        matches!(
            self,
            Self::Asks | Self::Tells | Self::Timers | Self::Streams | Self::Routed
        )
    }
}

/// All books of a round, and what does not agree. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    books: Mutex<Vec<Book>>,
    wrong: Mutex<Vec<String>>,
}

/// The tokens that one client sent, of one kind. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Book(Arc<Pages>);

#[derive(Debug)]
struct Pages {
    kind: Kind,
    sent: AtomicU64,
    fates: [AtomicU64; Fate::ALL.len()],
    ledger: Ledger,
}

/// Something that is sent, kept, worked on: what the account is of.
#[derive(Debug)]
pub(crate) struct Token {
    book: Book,
    slip: Slip,
    sent_in: Option<Context>,
    has_begun: bool,
    fate: Option<Fate>,
}

/// What the sender of a token keeps of it. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slip(Arc<Halves>);

#[derive(Debug, Default)]
struct Halves {
    fate: AtomicU8,
    told: AtomicU8,
    is_given_up: AtomicBool,
}

/// The sums of books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) sent: u64,
    pub(crate) fates: [u64; Fate::ALL.len()],
}

/// The sums of a round or of many, a row for each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) rows: [Row; Kind::ALL.len()],
}

impl Ledger {
    /// Opens a book for a client.
    pub(crate) fn book(&self, kind: Kind) -> Book {
        let book = Book(Arc::new(Pages {
            kind,
            sent: AtomicU64::new(0),
            fates: array::from_fn(|_| AtomicU64::new(0)),
            ledger: self.clone(),
        }));
        lock(&self.0.books).push(book.clone());
        book
    }

    /// Notes what must not be.
    pub(crate) fn wrong(&self, what: impl Into<String>) {
        lock(&self.0.wrong).push(what.into());
    }

    /// Notes something if it does not hold.
    pub(crate) fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(what());
        }
    }

    /// Returns all that must not be, so far.
    pub(crate) fn all_wrong(&self) -> Vec<String> {
        lock(&self.0.wrong).clone()
    }

    /// Adds the books up.
    pub(crate) fn account(&self) -> Account {
        let mut account = Account::default();
        for book in lock(&self.0.books).iter() {
            let row = &mut account.rows[book.0.kind as usize];
            // The fates first: what is sent meanwhile is on its way then, and not missing.
            for (sum, fate) in row.fates.iter_mut().zip(&book.0.fates) {
                *sum += fate.load(SeqCst);
            }
            row.sent += book.0.sent.load(SeqCst);
        }
        account
    }

    /// Cuts the books loose, which hold on to the ledger.
    pub(crate) fn close(&self) {
        let books = std::mem::take(&mut *lock(&self.0.books));
        drop(books);
    }
}

impl Book {
    /// Makes a token, and counts it as sent.
    pub(crate) fn token(&self) -> Token {
        self.0.sent.fetch_add(1, SeqCst);
        Token {
            book: self.clone(),
            slip: Slip::default(),
            sent_in: Context::current(),
            has_begun: false,
            fate: None,
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }
}

impl Token {
    /// Returns what the sender keeps.
    pub(crate) fn slip(&self) -> Slip {
        self.slip.clone()
    }

    /// Its handler begins.
    pub(crate) fn begin(&mut self) {
        self.has_begun = true;
    }

    /// Its handler has done all that there is to do.
    pub(crate) fn handled(mut self) {
        self.fate = Some(Fate::Handled);
    }

    /// It was handed back to the sender.
    pub(crate) fn refused(mut self) {
        self.fate = Some(Fate::Refused);
    }

    /// It came back as a dead letter.
    pub(crate) fn undelivered(mut self, fate: Fate) {
        self.fate = Some(fate);
    }

    /// It was found where it was kept.
    pub(crate) fn stored(mut self) {
        self.fate = Some(Fate::Stored);
    }

    fn fate(&self) -> Fate {
        if let Some(fate) = self.fate {
            return fate;
        }
        if self.has_begun {
            let is_lost = std::thread::panicking();
            return if is_lost { Fate::Lost } else { Fate::Cut };
        }
        let unserved = self.book.0.kind.unserved();
        if unserved != Fate::Refused {
            return unserved;
        }
        match self.sent_in.as_ref().and_then(Context::err) {
            Some(ended) if ended.is_deadline() => Fate::Expired,
            Some(_) => Fate::Abandoned,
            None if self.slip.0.is_given_up.load(SeqCst) => Fate::Abandoned,
            None => Fate::Refused,
        }
    }
}

// Invariant 1.
impl Drop for Token {
    fn drop(&mut self) {
        let fate = self.fate();
        self.slip.0.fate.store(fate as u8, SeqCst);
        self.slip.compare(self.book.ledger());
        self.book.0.fates[fate.index()].fetch_add(1, SeqCst);
    }
}

impl Slip {
    /// The sender has heard something.
    pub(crate) fn told(&self, told: Told, ledger: &Ledger) {
        self.0.told.store(told as u8, SeqCst);
        self.compare(ledger);
    }

    /// The sender waits no longer.
    pub(crate) fn give_up(&self) {
        self.0.is_given_up.store(true, SeqCst);
    }

    // Invariant 2. Each side writes its half before it reads the other's, so one of them sees both.
    fn compare(&self, ledger: &Ledger) {
        let fate = Fate::from_number(self.0.fate.load(SeqCst));
        let told = Told::from_number(self.0.told.load(SeqCst));
        if let (Some(fate), Some(told)) = (fate, told) {
            ledger.check(told.agrees_with(fate), || {
                format!("one was {}, and its sender was told: {told:?}", fate.name())
            });
        }
    }
}

impl Row {
    /// How many have a fate.
    pub(crate) fn ended(&self) -> u64 {
        self.fates.iter().sum()
    }

    /// How many are still somewhere.
    pub(crate) fn live(&self) -> u64 {
        self.sent.saturating_sub(self.ended())
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        for (sum, more) in self.fates.iter_mut().zip(other.fates) {
            *sum += more;
        }
    }
}

impl Account {
    pub(crate) fn add(&mut self, other: &Self) {
        for (row, more) in self.rows.iter_mut().zip(&other.rows) {
            row.add(more);
        }
    }

    pub(crate) fn of(&self, kind: Kind) -> &Row {
        &self.rows[kind as usize]
    }

    pub(crate) fn total(&self) -> Row {
        let mut total = Row::default();
        self.rows.iter().for_each(|row| total.add(row));
        total
    }

    /// How many messages to workers have a fate.
    pub(crate) fn messages(&self, fate: Fate) -> u64 {
        let messages = Kind::ALL.into_iter().filter(|kind| kind.is_message());
        messages.map(|kind| self.of(kind).fates[fate.index()]).sum()
    }

    /// Returns whether each that was sent has one fate, in each row.
    pub(crate) fn is_even(&self) -> bool {
        self.rows.iter().all(|row| row.sent == row.ended())
    }
}

/// Locks; that somebody panicked elsewhere is no reason to stop counting.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate_of(kind: Kind, end: impl FnOnce(Token)) -> Fate {
        let ledger = Ledger::default();
        let book = ledger.book(kind);
        end(book.token());
        let account = ledger.account();
        assert!(account.is_even());
        let row = account.of(kind);
        let has = |fate: &Fate| row.fates[fate.index()] == 1;
        Fate::ALL.into_iter().find(has).expect("it has a fate")
    }

    fn begun(mut token: Token) -> Token {
        token.begin();
        token
    }

    #[test]
    fn the_end_of_a_token_tells_its_fate() {
        assert_eq!(fate_of(Kind::Asks, Token::handled), Fate::Handled);
        assert_eq!(fate_of(Kind::Asks, Token::refused), Fate::Refused);
        assert_eq!(fate_of(Kind::Asks, drop), Fate::Refused);
        assert_eq!(fate_of(Kind::Asks, |token| drop(begun(token))), Fate::Cut);
        assert_eq!(fate_of(Kind::Broadcast, drop), Fate::Dropped);
        assert_eq!(fate_of(Kind::Pipeline, drop), Fate::Cut);
        assert_eq!(fate_of(Kind::Items, drop), Fate::Stored);
        let given_up = |token: Token| token.slip().give_up();
        assert_eq!(fate_of(Kind::Asks, given_up), Fate::Abandoned);
        let panics = |token: Token| {
            let token = begun(token);
            let unwound = std::thread::spawn(move || {
                let _in_hand = token;
                std::panic::resume_unwind(Box::new(()));
            });
            unwound.join().expect_err("it panics");
        };
        assert_eq!(fate_of(Kind::Jobs, panics), Fate::Lost);
    }

    #[test]
    fn a_token_that_is_somewhere_is_missing() {
        let ledger = Ledger::default();
        let token = ledger.book(Kind::Fan).token();
        assert!(!ledger.account().is_even());
        assert_eq!(ledger.account().total().live(), 1);
        drop(token);
        assert!(ledger.account().is_even());
    }

    #[test]
    fn a_sender_who_is_told_otherwise_is_heard() {
        let told_of = |told, end: fn(Token)| {
            let ledger = Ledger::default();
            let (first, second) = (
                ledger.book(Kind::Asks).token(),
                ledger.book(Kind::Asks).token(),
            );
            let slips = (first.slip(), second.slip());
            // In both orders.
            slips.0.told(told, &ledger);
            end(first);
            end(second);
            slips.1.told(told, &ledger);
            ledger.all_wrong().len()
        };
        assert_eq!(told_of(Told::Answered, Token::handled), 0);
        assert_eq!(told_of(Told::Answered, drop), 2);
        assert_eq!(told_of(Told::Never, Token::handled), 2);
        assert_eq!(told_of(Told::Never, Token::refused), 0);
        assert_eq!(told_of(Told::Panicked, drop), 2);
        assert_eq!(told_of(Told::Begun, Token::refused), 2);
    }
}
