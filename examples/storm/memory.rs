//! How much memory the process has.

/// What the memory may have grown by at the end, in bytes, beside a tenth of what it was: an allocator
/// and its threads keep what they may need again, and how much depends on how the threads met.
const SLACK: u64 = 8 << 20;

/// Returns how much memory of the process is resident, in bytes. `None` on another system than Linux.
pub(crate) fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// The memory after each round. The first rounds warm everything up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    after_round: Vec<Option<u64>>,
}

impl Memory {
    /// The rounds whose largest size is the start, against which the end is held.
    pub(crate) const WARM_UP: usize = 3;

    pub(crate) fn note(&mut self) {
        self.after_round.push(resident());
    }

    /// The size at the start.
    pub(crate) fn start(&self) -> Option<u64> {
        let warm_up = self.after_round.iter().take(Self::WARM_UP);
        warm_up.copied().max().flatten()
    }

    /// The size now.
    pub(crate) fn end(&self) -> Option<u64> {
        self.after_round.last().copied().flatten()
    }

    /// The largest size that is accepted at the end.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.start().map(|start| start + start / 10 + SLACK)
    }

    /// Returns whether the memory is back. One that is not known is no fault.
    pub(crate) fn is_back(&self) -> bool {
        match (self.end(), self.limit()) {
            (Some(end), Some(limit)) => end <= limit,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(sizes: &[u64]) -> Memory {
        let after_round = sizes.iter().map(|size| Some(size << 20)).collect();
        Memory { after_round }
    }

    #[test]
    fn the_end_is_held_against_the_warm_up() {
        assert!(memory(&[10, 40, 30, 90, 52]).is_back());
        assert!(!memory(&[10, 40, 30, 50, 53]).is_back());
        assert!(memory(&[10]).is_back());
        assert!(Memory::default().is_back());
    }

    #[test]
    fn linux_tells_the_size() {
        assert_eq!(resident().is_some(), cfg!(target_os = "linux"));
    }
}
