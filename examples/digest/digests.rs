//! The results, kept compactly until they are sorted.

use std::path::Path;

use super::line::Hash;

/// Hashes with the paths they belong to: one buffer for all paths, one record of 48 bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Digests {
    paths: Vec<u8>,
    records: Vec<Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    start: usize,
    len: u32,
    hash: Hash,
}

impl Digests {
    /// Adds one.
    pub(crate) fn push(&mut self, path: &Path, hash: Hash) {
        let path = path.as_os_str().as_encoded_bytes();
        let start = self.paths.len();
        self.paths.extend(path);
        let len = u32::try_from(path.len()).expect("no system gives paths of 4 GiB");
        self.records.push(Record { start, len, hash });
    }

    /// Sorts by the bytes of the whole path.
    pub(crate) fn sort(&mut self) {
        let Self { paths, records } = self;
        records.sort_unstable_by(|a, b| a.path(paths).cmp(b.path(paths)));
    }

    /// Returns all of them in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Hash)> {
        self.records
            .iter()
            .map(|record| (record.path(&self.paths), &record.hash))
    }
}

impl Record {
    fn path<'a>(&self, paths: &'a [u8]) -> &'a [u8] {
        &paths[self.start..self.start + self.len as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_bytes_of_the_whole_path() {
        let mut digests = Digests::default();
        // A slash sorts after a dot and before a letter, so whole directories are no runs.
        for (i, path) in ["./ab", "./a/b", "./a.b", "./a", "./B", "./a/a"]
            .iter()
            .enumerate()
        {
            digests.push(Path::new(path), [u8::try_from(i).unwrap_or(0); 32]);
        }
        digests.sort();
        let sorted: Vec<_> = digests.iter().map(|(path, hash)| (path, hash[0])).collect();
        let expected: [(&[u8], u8); 6] = [
            (b"./B", 4),
            (b"./a", 3),
            (b"./a.b", 2),
            (b"./a/a", 5),
            (b"./a/b", 1),
            (b"./ab", 0),
        ];
        assert_eq!(sorted, expected);
    }
}
