//! Function tables: a function of one small integer, listed.

use serde::{Deserialize, Serialize};

use super::interval::Interval;

/// Largest number of rows of a table.
pub const MAX_ROWS: usize = 1 << 20;

/// Values of a function for consecutive integer keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Table {
    name: String,
    first: i64,
    values: Vec<i64>,
}

impl Table {
    /// A table for the keys `keys.lo..=keys.hi`; `None` when it is longer than [`MAX_ROWS`].
    pub fn tabulate(name: &str, keys: Interval, function: impl Fn(i64) -> i64) -> Option<Table> {
        (keys.size() <= MAX_ROWS as u64).then(|| Table {
            name: name.to_owned(),
            first: keys.lo,
            values: (keys.lo..=keys.hi).map(function).collect(),
        })
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The smallest key.
    pub fn first_key(&self) -> i64 {
        self.first
    }

    /// All keys.
    pub fn keys(&self) -> Interval {
        Interval { lo: self.first, hi: self.first + self.values.len() as i64 - 1 }
    }

    /// Values in the order of the keys.
    pub fn values(&self) -> &[i64] {
        &self.values
    }

    /// The value for `key`, if it is in the table.
    pub fn get(&self, key: i64) -> Option<i64> {
        usize::try_from(key.checked_sub(self.first)?).ok().and_then(|i| self.values.get(i)).copied()
    }

    /// Bounds of the values over those keys that lie in `keys`.
    pub fn bounds_over(&self, keys: Interval) -> Option<Interval> {
        let lo = keys.lo.max(self.first);
        let hi = keys.hi.min(self.keys().hi);
        if lo > hi {
            return None;
        }
        Interval::of(self.values.get((lo - self.first) as usize..=(hi - self.first) as usize)?)
    }
}
