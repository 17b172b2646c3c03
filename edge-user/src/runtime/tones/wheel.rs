//! What plays now, and when its next packet is due: a wheel that turns once in 20 ms, and sends what is in the slot that it
//! comes to.
//!
//! Invariants: a call has one place at most; slots differ by one tone at most when they are filled, so the packets of many tones
//! do not leave all at once.

use std::collections::HashMap;
use std::hash::Hash;

/// Slots of a turn: 5 ms each.
pub(super) const SLOTS: usize = 4;

/// Things by their keys, spread over the slots.
#[derive(Debug)]
pub(super) struct Wheel<K, T> {
    slots: [Vec<(K, T)>; SLOTS],
    places: HashMap<K, (usize, usize)>,
    at: usize,
}

impl<K: Copy + Eq + Hash, T> Wheel<K, T> {
    pub(super) fn new() -> Self {
        Self { slots: std::array::from_fn(|_| Vec::new()), places: HashMap::new(), at: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Puts something into the slot that has least, in the place of what has this key.
    pub(super) fn insert(&mut self, key: K, value: T) {
        self.remove(&key);
        let slot = (0..SLOTS).min_by_key(|slot| self.slots[*slot].len()).unwrap_or_default();
        self.places.insert(key, (slot, self.slots[slot].len()));
        self.slots[slot].push((key, value));
    }

    /// Takes something out, if it is there.
    pub(super) fn remove(&mut self, key: &K) {
        let Some((slot, position)) = self.places.remove(key) else { return };
        self.slots[slot].swap_remove(position);
        if let Some((moved, _)) = self.slots[slot].get(position) {
            self.places.insert(*moved, (slot, position));
        }
    }

    /// Takes out what is not to be kept.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        let gone = self.slots.iter().flatten().filter(|(_, value)| !keep(value));
        for key in gone.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.remove(&key);
        }
    }

    /// Turns to the next slot, and gives what is in it.
    pub(super) fn turn(&mut self) -> impl Iterator<Item = &mut T> {
        self.at = (self.at + 1) % SLOTS;
        self.slots[self.at].iter_mut().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests;
