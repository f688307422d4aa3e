//! A hash that is the same in each run and on each machine, and the ring of a consistent hash.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// Hashes a key: FNV-1a over its bytes, then the finish of SplitMix64, which spreads short keys.
pub(super) fn hash<K: Hash + ?Sized>(key: &K) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    key.hash(&mut hasher);
    hasher.finish()
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    // The order of the bytes, and the width of a `usize`, are not the machine's.
    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_u128(&mut self, number: u128) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_i64(number as i64);
    }

    fn finish(&self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Points on a circle, each a member's. A key belongs to the first point at or after its hash.
pub(super) struct Ring(BTreeMap<u64, u64>);

/// Points of each member: with more of them, each gets a more even part of the keys.
const POINTS: u64 = 64;

impl Ring {
    pub(super) fn of(members: impl Iterator<Item = u64>) -> Self {
        let mut points = BTreeMap::new();
        for member in members {
            for point in 0..POINTS {
                // Of two members on one point the older has it, in whatever order they are entered.
                let owner = points.entry(hash(&(member, point))).or_insert(member);
                *owner = member.min(*owner);
            }
        }
        Self(points)
    }

    /// Returns the member of a key, and after it those that would get the key without the ones before.
    /// A member comes several times.
    pub(super) fn members(&self, key: u64) -> impl Iterator<Item = u64> {
        let after = self.0.range(key..).chain(self.0.range(..key));
        after.map(|(_, member)| *member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u32 = 10_000;

    fn home(ring: &Ring, key: u32) -> Option<u64> {
        ring.members(hash(&key)).next()
    }

    #[test]
    fn a_hash_is_the_same_in_each_run() {
        assert_eq!(hash("ada"), hash(&String::from("ada")));
        assert_eq!(hash(&1_usize), hash(&1_u64));
        assert_ne!(hash("ada"), hash("adb"));
        // Written down: a change of it moves the keys of every user.
        assert_eq!(hash::<[u8]>(&[]), Fnv::after(&0_u64.to_le_bytes()).finish());
        assert_eq!(hash(&7_u32), 13_613_922_390_088_569_570);
    }

    impl Fnv {
        fn after(bytes: &[u8]) -> Self {
            let mut hasher = Self(0xcbf2_9ce4_8422_2325);
            hasher.write(bytes);
            hasher
        }
    }

    #[test]
    fn the_fnv_of_known_texts_is_the_published_one() {
        assert_eq!(Fnv::after(b"").0, 0xcbf2_9ce4_8422_2325);
        assert_eq!(Fnv::after(b"a").0, 0xaf63_dc4c_8601_ec8c);
        assert_eq!(Fnv::after(b"foobar").0, 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_new_member_takes_its_share_and_nothing_else_moves() {
        for count in 1..10_u64 {
            let before = Ring::of(0..count);
            let after = Ring::of(0..=count);
            let mut moved = 0;
            for key in 0..KEYS {
                if home(&before, key) != home(&after, key) {
                    moved += 1;
                    assert_eq!(home(&after, key), Some(count));
                }
            }
            let share = KEYS / u32::try_from(count + 1).expect("a small number");
            assert!(moved > share / 2 && moved < 2 * share, "{moved} of {share}");
        }
    }

    #[test]
    fn without_a_member_its_keys_go_where_the_ring_said() {
        let all = Ring::of(0..6);
        let without = Ring::of((0..6).filter(|member| *member != 3));
        for key in 0..KEYS {
            let next = all.members(hash(&key)).find(|member| *member != 3);
            assert_eq!(home(&without, key), next);
        }
    }

    #[test]
    fn every_member_gets_a_fair_part() {
        let ring = Ring::of(0..8);
        let mut counts = [0_u32; 8];
        for key in 0..KEYS {
            let home = home(&ring, key).expect("there are members");
            counts[usize::try_from(home).expect("a small number")] += 1;
        }
        let fair = KEYS / 8;
        assert!(
            counts
                .iter()
                .all(|count| *count > fair / 2 && *count < 2 * fair),
            "{counts:?}"
        );
    }
}
