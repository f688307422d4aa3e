//! What the runtime itself says of the messages: its counters, and a dead letter for each message that it
//! accepted and did not deliver. It must agree with the tokens.

use greenroom::prelude::*;
use greenroom::registry::MessageCounts;
use greenroom::{DeadLetter, DeadLetters, Undelivered};

use super::account::{Account, Fate, Ledger, Token};
use super::actors::{Hop, Item, Later, Note, Tick, Work};

/// How many letters may wait. A flood makes thousands at once.
const ROOM: usize = 1 << 16;

/// How many letters there were, in all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Letters {
    pub(crate) read: u64,
    pub(crate) missed: u64,
}

impl Letters {
    pub(crate) fn add(&mut self, undertaker: &Undertaker) {
        self.read += undertaker.all;
        self.missed += undertaker.letters.missed();
    }
}

/// Reads the dead letters of a round.
#[derive(Debug)]
pub(crate) struct Undertaker {
    letters: DeadLetters,
    before: MessageCounts,
    all: u64,
    panicked: u64,
    cut: u64,
}

impl Undertaker {
    pub(crate) fn new(runtime: &Runtime) -> Self {
        Self {
            letters: runtime.dead_letters_up_to(ROOM),
            before: runtime.messages(),
            all: 0,
            panicked: 0,
            cut: 0,
        }
    }

    /// Reads letters for as long as it is polled.
    pub(crate) async fn read(&mut self) -> Result<()> {
        loop {
            let letter = self.letters.recv().await?;
            self.bury(&letter);
        }
    }

    /// Reads those that have come.
    pub(crate) fn read_rest(&mut self) {
        while let Ok(letter) = self.letters.try_recv() {
            self.bury(&letter);
        }
    }

    fn bury(&mut self, letter: &DeadLetter) {
        self.all += 1;
        let is_ours = letter.message_type.contains("::actors::");
        let fate = match letter.why {
            Undelivered::Panicked(_) | Undelivered::Poisoned { .. } => {
                self.panicked += u64::from(is_ours);
                Fate::Lost
            }
            Undelivered::Cut => {
                self.cut += u64::from(is_ours);
                Fate::Cut
            }
            Undelivered::Expired => Fate::Expired,
            Undelivered::Abandoned | Undelivered::Cancelled => Fate::Abandoned,
            Undelivered::Dropped(_) => Fate::Dropped,
            _ => Fate::Refused,
        };
        if let Some(token) = token(letter) {
            token.undelivered(fate);
        }
    }

    /// Holds what the runtime says against the account, when the round has ended.
    pub(crate) fn compare(&self, runtime: &Runtime, account: &Account, ledger: &Ledger) {
        let now = runtime.messages();
        let pending = now.pending();
        ledger.check(pending == 0, || {
            format!("all actors have ended, and {pending} messages have no outcome: {now:?}")
        });
        let letters = now.undelivered() - self.before.undelivered();
        let (all, missed) = (self.all, self.letters.missed());
        ledger.check(letters == all + missed, || {
            format!("{letters} were not delivered, and there were {all} letters, {missed} missed")
        });
        if missed > 0 {
            return;
        }
        for (name, told, fate) in [
            ("panicked", self.panicked, Fate::Lost),
            ("cut", self.cut, Fate::Cut),
        ] {
            let found = account.messages(fate);
            ledger.check(told == found, || {
                format!("the runtime tells of {told} that were {name}, and {found} were")
            });
        }
        // Those of the patterns' own actors count there too.
        let (handled, found) = (
            now.handled - self.before.handled,
            account.messages(Fate::Handled),
        );
        ledger.check(handled >= found, || {
            format!("the runtime tells of {handled} that were handled, and {found} were")
        });
    }
}

/// Takes the token out of a letter, whatever message it is in.
fn token(letter: &DeadLetter) -> Option<Token> {
    None.or_else(|| letter.take::<Work>().map(|Work(token)| token))
        .or_else(|| letter.take::<Note>().map(|Note(token)| token))
        .or_else(|| letter.take::<Later>().map(|Later(token)| token))
        .or_else(|| letter.take::<Hop>().map(|Hop(token)| token))
        .or_else(|| letter.take::<Tick>().map(|Tick(token)| token))
        .or_else(|| letter.take::<Item>().map(|Item(token)| token))
}
