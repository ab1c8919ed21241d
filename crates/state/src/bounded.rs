//! A map with a limit: when it is full, the entries that were not used for longest make room.

use std::{borrow::Borrow, hash::Hash};

use crate::Map;

/// Forgets an eighth of its entries at once, so that a full map costs little per insertion.
pub struct Bounded<K, V> {
    map: Map<K, (u64, V)>,
    limit: usize,
    clock: u64,
    forgotten: u64,
}

impl<K: Eq + Hash + Clone, V> Bounded<K, V> {
    pub fn new(limit: usize) -> Self {
        Bounded {
            map: Map::default(),
            limit: limit.max(1),
            clock: 0,
            forgotten: 0,
        }
    }

    /// Reads without counting as a use.
    pub fn peek<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.map.get(key).map(|(_, v)| v)
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.clock += 1;
        let (used, value) = self.map.get_mut(key)?;
        *used = self.clock;
        Some(value)
    }

    pub fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        self.clock += 1;
        if self.map.len() >= self.limit && !self.map.contains_key(&key) {
            self.make_room();
        }
        let (used, value) = self.map.entry(key).or_insert_with(|| (0, new()));
        *used = self.clock;
        value
    }

    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.map.remove(key).map(|(_, v)| v)
    }

    /// Takes every entry out, for a change of keys.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> + '_ {
        self.map.drain().map(|(k, (_, v))| (k, v))
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.map.values_mut().map(|(_, v)| v)
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn make_room(&mut self) {
        let mut used: Vec<u64> = self.map.values().map(|(used, _)| *used).collect();
        let nth = used.len() / 8;
        let (_, oldest, _) = used.select_nth_unstable(nth);
        let oldest = *oldest;
        let before = self.map.len();
        self.map.retain(|_, (used, _)| *used > oldest);
        self.forgotten += (before - self.map.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays() {
        let mut map = Bounded::new(8);
        for i in 0..8 {
            map.entry(i, || i);
        }
        map.get(&0);
        for i in 8..11 {
            map.entry(i, || i);
        }
        assert_eq!(map.get(&0), Some(&mut 0));
        assert_eq!(map.get(&1), None);
        assert_eq!(map.peek(&10), Some(&10));
        assert!(map.forgotten() > 0);
    }

    #[test]
    fn never_more_than_the_limit() {
        for limit in [1, 2, 3, 100] {
            let mut map = Bounded::new(limit);
            for i in 0..1000 {
                map.entry(i, || ());
                assert!(map.map.len() <= limit);
            }
            assert_eq!(map.forgotten() as usize + map.map.len(), 1000);
        }
    }
}
