//! Range: `0 <= x < n`.
//!
//! With a table of `2^w` rows:
//! - `n = 2^w`: one lookup of `x`.
//! - `n < 2^w`: two lookups, of `x` and of `x + 2^w - n`. Both in `[0, 2^w)` leave exactly
//!   `[0, n)`.
//! - `n = 2^b > 2^w`: a limb `l` in `[0, 2^w)` and the rest `t = (x - l) / 2^w`, a linear form, in
//!   `[0, 2^(b-w))`. Then `x = l + 2^w t` is an integer below `2^b`; since `2^b` is far below the
//!   field, nothing wraps, and the top limb is checked to its own width.
//! - other `n > 2^w`: `x` and `x + 2^b - n` in `[0, 2^b)` for the smallest `2^b >= n`.
//!
//! `x` need not be known to be an integer: a field element passes only if it is one of `0..n`.

use super::Gadgets;
use crate::builder::Builder;

/// A range that a gadget asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wanted {
    /// Its size.
    pub(crate) n: u64,
    /// Whether it must be proven exactly, and not only that values are small.
    pub(crate) exact: bool,
}

impl<B: Builder> Gadgets<B> {
    /// Every element of `x` lies in `0..n`, `1 <= n <= 2^62`.
    #[track_caller]
    pub fn range(&mut self, x: &B::Form, n: u64) {
        if self.builder.keeps() {
            *self.ranges.entry(Wanted { n, exact: true }).or_default() += self.builder.len(x);
            self.prove_range(x, n);
        }
    }

    fn prove_range(&mut self, x: &B::Form, n: u64) {
        self.enter("range");
        let bits = n.next_power_of_two().trailing_zeros();
        if n.is_power_of_two() {
            self.power_range(x, bits);
            return;
        }
        match self.lookups.narrowest(bits) {
            Some(width) => self.both_ends(x, width, n),
            None => {
                let shifted = self.builder.combine(&[(1, x)], (1i64 << bits) - n as i64);
                self.power_range(x, bits);
                self.power_range(&shifted, bits);
            }
        }
    }

    /// Every element of `x` lies in `0..2^b` for some `b` with `n <= 2^b <= 2^60`, whichever is the
    /// cheapest: for values that only need to be small and not negative.
    #[track_caller]
    pub(crate) fn small(&mut self, x: &B::Form, n: u64) {
        if !self.builder.keeps() {
            return;
        }
        *self.ranges.entry(Wanted { n, exact: false }).or_default() += self.builder.len(x);
        let bits = n.next_power_of_two().trailing_zeros();
        let cheapest = (bits..=bits.max(60)).min_by_key(|b| self.lookups.cost(*b)).unwrap_or(bits);
        self.prove_range(x, 1 << cheapest);
    }

    /// `0 <= x < n` by two lookups in a table of `2^width >= n` rows.
    #[track_caller]
    fn both_ends(&mut self, x: &B::Form, width: u32, n: u64) {
        if self.builder.keeps() {
            self.prove_both_ends(x, width, n);
        }
    }

    fn prove_both_ends(&mut self, x: &B::Form, width: u32, n: u64) {
        let shifted = self.builder.combine(&[(1, x)], (1i64 << width) - n as i64);
        self.lookup_range(x, width);
        self.lookup_range(&shifted, width);
    }

    /// `0 <= x < 2^bits`, the cheapest way.
    #[track_caller]
    fn power_range(&mut self, x: &B::Form, bits: u32) {
        if self.builder.keeps() {
            self.prove_power_range(x, bits);
        }
    }

    fn prove_power_range(&mut self, x: &B::Form, bits: u32) {
        match self.lookups.step(bits) {
            Step::Exact => self.lookup_range(x, bits),
            Step::Inside(width) => self.both_ends(x, width, 1 << bits),
            Step::Limb(width) => {
                let len = self.builder.len(x);
                let mask = (1i64 << width) - 1;
                let limb = self
                    .builder
                    .witness("limb", len, &[x], |v| v[0].iter().map(|x| x & mask).collect());
                self.lookup_range(&limb, width);
                let rest = self.builder.combine(&[(1, x), (-1, &limb)], 0);
                let top = self.builder.divide(&rest, width);
                self.power_range(&top, bits - width);
            }
        }
    }
}

/// How a range of `2^bits` is proven next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A table has this width.
    Exact,
    /// Two lookups in a wider table.
    Inside(u32),
    /// A limb of this width first.
    Limb(u32),
}

/// The cheapest ways to prove ranges with tables of given widths.
#[derive(Clone, Debug)]
pub struct Steps {
    /// For each number of bits, lookups and the first step.
    cheapest: Vec<(u32, Step)>,
}

impl Steps {
    /// Of up to 64 bits, with tables of the given widths in ascending order.
    pub fn new(widths: &[u32]) -> Steps {
        let mut cheapest: Vec<(u32, Step)> = Vec::with_capacity(65);
        for bits in 0..=u64::BITS {
            cheapest.push(first_step(widths, bits, |rest| {
                cheapest.get(rest as usize).map_or(u32::MAX / 2, |known| known.0)
            }));
        }
        Steps { cheapest }
    }

    /// The first step of a range of `2^bits`.
    pub fn first(&self, bits: u32) -> Step {
        self.cheapest.get(bits as usize).map_or(Step::Exact, |known| known.1)
    }

    /// Lookups of a range of `2^bits`.
    pub fn lookups(&self, bits: u32) -> u32 {
        self.cheapest.get(bits as usize).map_or(u32::MAX / 2, |known| known.0)
    }
}

/// Lookups and first step, where `lookups` of fewer bits are known; ties go to the wider limb.
fn first_step(widths: &[u32], bits: u32, lookups: impl Fn(u32) -> u32) -> (u32, Step) {
    if widths.contains(&bits) {
        return (1, Step::Exact);
    }
    let inside = widths.iter().find(|w| **w > bits).map(|w| (2, Step::Inside(*w)));
    let limbs =
        widths.iter().rev().filter(|w| **w < bits).map(|w| (1 + lookups(bits - w), Step::Limb(*w)));
    let all = inside.into_iter().chain(limbs);
    all.min_by_key(|(cost, _)| *cost).unwrap_or((u32::MAX / 2, Step::Exact))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_step_prefers_exact_widths() {
        let step = |widths: &[u32], bits| Steps::new(widths).first(bits);
        assert_eq!(step(&[8, 12], 12), Step::Exact);
        assert_eq!(step(&[8, 12], 20), Step::Limb(12));
        assert_eq!(step(&[8, 12], 10), Step::Inside(12));
        assert_eq!(step(&[8, 12], 16), Step::Limb(8));
        assert_eq!(step(&[8], 3), Step::Inside(8));
    }

    /// The definition without the memory of fewer bits.
    fn lookups(widths: &[u32], bits: u32) -> u32 {
        first_step(widths, bits, |rest| lookups(widths, rest)).0
    }

    #[test]
    fn every_range_costs_what_its_parts_cost() {
        for widths in [&[8][..], &[12, 16], &[7, 20], &[9, 10, 13]] {
            let steps = Steps::new(widths);
            assert!(
                (0..=62).all(|bits| steps.lookups(bits) == lookups(widths, bits)),
                "{widths:?}"
            );
        }
        assert_eq!(
            [12, 13, 16, 24, 28].map(|bits| Steps::new(&[12, 16]).lookups(bits)),
            [1, 2, 1, 2, 2]
        );
    }
}
