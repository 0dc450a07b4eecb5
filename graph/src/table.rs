//! Constant tables: functions of one small integer, and rows chosen by an id.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::interval::Interval;

/// Largest number of rows of a table.
pub const MAX_ROWS: usize = 1 << 20;

/// Values of a function for consecutive integer keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    name: String,
    first: i64,
    values: Vec<i64>,
    #[serde(skip)]
    bounds: Bounds,
}

/// Bounds of all values of a table once somebody asked for them; no part of what the table is.
#[derive(Clone, Debug, Default)]
struct Bounds(OnceLock<Option<Interval>>);

impl PartialEq for Bounds {
    fn eq(&self, _: &Bounds) -> bool {
        true
    }
}

impl Eq for Bounds {}

/// A few values are enough to tell most tables apart.
impl Hash for Table {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.first, some(&self.values)).hash(state);
    }
}

impl Table {
    /// A table for the keys `keys.low..=keys.high`; `None` when it is longer than [`MAX_ROWS`].
    pub fn tabulate(name: &str, keys: Interval, function: impl Fn(i64) -> i64) -> Option<Table> {
        (keys.size() <= MAX_ROWS as u64).then(|| Table {
            name: name.to_owned(),
            first: keys.low,
            values: (keys.low..=keys.high).map(function).collect(),
            bounds: Bounds::default(),
        })
    }

    /// Whether there is a row, no more than [`MAX_ROWS`], and every key and value has a bound; a
    /// table from outside need not be so.
    pub fn is_consistent(&self) -> bool {
        let last = i128::from(self.first) + self.values.len() as i128 - 1;
        let keys = Interval::new(self.first.into(), last);
        keys.is_some() && self.values.len() <= MAX_ROWS && self.bounds().is_some()
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
        Interval { low: self.first, high: self.first + self.values.len() as i64 - 1 }
    }

    /// Values in the order of the keys.
    pub fn values(&self) -> &[i64] {
        &self.values
    }

    /// The value for `key`, if it is in the table.
    pub fn get(&self, key: i64) -> Option<i64> {
        usize::try_from(key.checked_sub(self.first)?).ok().and_then(|i| self.values.get(i)).copied()
    }

    fn bounds(&self) -> Option<Interval> {
        *self.bounds.0.get_or_init(|| Interval::of(&self.values))
    }

    /// Bounds of the values over those keys that lie in `keys`.
    pub fn bounds_over(&self, keys: Interval) -> Option<Interval> {
        let low = keys.low.max(self.first);
        let high = keys.high.min(self.keys().high);
        if low > high {
            return None;
        }
        if (Interval { low, high }) == self.keys() {
            return self.bounds();
        }
        Interval::of(self.values.get((low - self.first) as usize..=(high - self.first) as usize)?)
    }
}

/// A constant matrix whose rows are chosen by an id: an embedding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowTable {
    width: usize,
    values: Arc<[i32]>,
}

/// A few values are enough to tell most tables apart.
impl Hash for RowTable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.width, some(&self.values)).hash(state);
    }
}

impl RowTable {
    /// Rows of `width` values each, row-major; `None` unless they are whole and at least one.
    pub fn new(width: usize, values: Arc<[i32]>) -> Option<RowTable> {
        let table = RowTable { width, values };
        table.is_consistent().then_some(table)
    }

    /// Whether the rows are whole and there is at least one; a table from outside need not be.
    pub fn is_consistent(&self) -> bool {
        self.width > 0
            && !self.values.is_empty()
            && self.values.len().is_multiple_of(self.width)
            && self.rows() <= MAX_ROWS
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Values of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All values, row-major.
    pub fn values(&self) -> &Arc<[i32]> {
        &self.values
    }

    /// The row of an id.
    pub fn row(&self, id: i64) -> Option<&[i32]> {
        let start = usize::try_from(id).ok()?.checked_mul(self.width)?;
        self.values.get(start..start.checked_add(self.width)?)
    }

    /// Bounds of all values.
    pub fn bounds(&self) -> Option<Interval> {
        let low = self.values.iter().min()?;
        let high = self.values.iter().max()?;
        Interval::new((*low).into(), (*high).into()).filter(|_| self.is_consistent())
    }
}

/// How many values there are, and some of them.
fn some<T: Copy>(values: &[T]) -> (usize, Vec<T>) {
    let step = (values.len() / 16).max(1);
    (values.len(), values.iter().step_by(step).copied().collect())
}
