//! Many values through a pattern, with flat memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Instant;

use crate::frame::{Frame, Pattern};
use crate::watchdog::Watchdog;

/// How much the process may grow between the first tenth of the values and the last, in bytes.
///
/// A byte that is leaked for each value would show as 9 MiB at the full number of them. Below that is
/// what an allocator and its threads keep in caches that fill up late; it stays under 2 MiB.
pub(crate) const MAY_GROW: u64 = 4 << 20;

/// The values of a flow, and where they are counted.
#[derive(Clone)]
pub(crate) struct Flow(Arc<Shared>);

struct Shared {
    items: u64,
    passed: AtomicU64,
    sum: AtomicU64,
    early: AtomicU64,
    watchdog: Watchdog,
}

/// What a flow has shown.
#[derive(Debug)]
pub(crate) struct Flowed {
    /// How much the process grew, in bytes, or `None` where that is not known.
    pub(crate) grown: Option<u64>,
    pub(crate) per_second: u64,
    pub(crate) failed: Option<String>,
}

impl Flow {
    fn new(items: u64, watchdog: Watchdog) -> Self {
        Self(Arc::new(Shared {
            items,
            passed: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            early: AtomicU64::new(0),
            watchdog,
        }))
    }

    /// How many values there are: those from 1 to this number.
    pub(crate) fn items(&self) -> u64 {
        self.0.items
    }

    /// Counts a value that came out.
    pub(crate) fn passed(&self, item: u64) {
        self.0.sum.fetch_add(item, SeqCst);
        let passed = self.0.passed.fetch_add(1, SeqCst) + 1;
        if passed.is_multiple_of(1024) {
            self.0.watchdog.beat(passed);
        }
        if passed == (self.0.items / 10).max(1) {
            self.0.early.store(resident().unwrap_or(0), SeqCst);
        }
    }

    /// Returns whether all values have come out.
    pub(crate) fn is_over(&self) -> bool {
        self.0.passed.load(SeqCst) >= self.0.items
    }

    fn wrong(&self) -> Option<String> {
        let n = self.0.items;
        let (passed, sum) = (self.0.passed.load(SeqCst), self.0.sum.load(SeqCst));
        let expected = n * (n + 1) / 2;
        (passed != n || sum != expected).then(|| {
            format!("of {n} values {passed} came out, and their sum is {sum}, not {expected}")
        })
    }
}

impl Flowed {
    /// Returns what is wrong with its memory. It is that of the process, whatever else runs there.
    pub(crate) fn too_much(&self) -> Option<String> {
        let grown = self.grown.filter(|grown| *grown > MAY_GROW)?;
        Some(format!(
            "it grew by {grown} bytes after the first tenth of the values, more than {MAY_GROW}"
        ))
    }
}

impl Frame {
    pub(crate) fn flow(&self, pattern: &Pattern, items: u64) -> Flowed {
        let runtime = self.runtime(self.seed);
        let flow = Flow::new(items, self.watchdog.clone());
        let inside = flow.clone();
        let run = pattern.flow;
        self.watchdog.watch(pattern.name, 0, Some(runtime.handle()));
        let start = Instant::now();
        let result = runtime.run(move |outer, _| async move {
            let body = move |scope| run(scope, inside);
            outer
                .scope(body)
                .await
                .map_err(|failure| format!("{failure:?}"))
        });
        let took = start.elapsed().as_secs_f64();
        self.watchdog.rest();
        let (early, late) = (flow.0.early.load(SeqCst), resident());
        let grown = late.map(|late| late.saturating_sub(early));
        let failed = result.err().or_else(|| flow.wrong());
        Flowed {
            grown,
            per_second: (items as f64 / took.max(1e-9)) as u64,
            failed,
        }
    }
}

/// Returns how much memory of the process is resident, in bytes. `None` on another system than Linux.
fn resident() -> Option<u64> {
    // The second field of statm is the same in pages, whose size only the C library knows.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
