//! How scalars are cut into digits: classes of equal width, and windows within a class.
//!
//! A class of `n` scalars of `b` bits in `w` windows of `c` bits costs about `n w` additions for
//! its buckets and two per bucket for their weighted sum. Digits are signed, so a window has
//! `2^(c-1)` buckets, except for the highest one, whose digit is what remains. The classes are the
//! partition of the widths that minimises the total.

/// Largest widths, in bits, that a class may have.
const WIDTHS: [u32; 18] = [1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 40, 48, 63, 95, 127, 254];

/// Additions that a window costs besides its points and buckets: short batches and the tail.
const WINDOW_COST: usize = 500;

/// Windows of more bits than this do not fit the caches.
const MAX_BITS: u32 = 17;

/// The windows of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Windows {
    /// Largest width of the scalars, in bits.
    pub(super) width: u32,
    /// Bits per window.
    pub(super) bits: u32,
    /// Number of windows.
    pub(super) count: u32,
}

impl Windows {
    /// The cheapest cut for `n` scalars below `2^width`, and its cost in additions.
    pub(super) fn choose(n: usize, width: u32) -> (Self, usize) {
        let mut best = (Self { width, bits: 1, count: width }, usize::MAX);
        for bits in 1..=MAX_BITS {
            for count in [width.div_ceil(bits), (width + 1).div_ceil(bits)] {
                let windows = Self { width, bits, count };
                if windows.top_bits() > MAX_BITS {
                    continue;
                }
                let cost = windows.cost(n);
                if cost < best.1 {
                    best = (windows, cost);
                }
            }
        }
        best
    }

    fn cost(&self, n: usize) -> usize {
        let count = self.count as usize;
        let buckets = (count - 1) * (1 << (self.bits - 1)) + (1 << self.top_bits());
        count * (n + WINDOW_COST) + 2 * buckets
    }

    /// Bits of the highest digit.
    fn top_bits(&self) -> u32 {
        self.width - self.bits * (self.count - 1)
    }

    /// Buckets per window; a digit is at most this in size.
    pub(super) fn buckets(&self) -> usize {
        let top = 1 << self.top_bits();
        if self.count == 1 {
            return top;
        }
        top.max(1 << (self.bits - 1))
    }

    /// What to add to a scalar so that [`Windows::digit`] needs no carries: half a window at every
    /// window but the highest.
    pub(super) fn offset(&self) -> [u64; 4] {
        let mut offset = [0; 4];
        for window in 0..self.count - 1 {
            let bit = window * self.bits + self.bits - 1;
            offset[bit as usize / 64] |= 1 << (bit % 64);
        }
        offset
    }

    /// Digit `window` of a scalar to which the offset has been added.
    #[inline]
    pub(super) fn digit(&self, words: &[u64], window: u32) -> i32 {
        let bit = (window * self.bits) as usize;
        let (word, shift) = (bit / 64, bit % 64);
        let mut bits = words[word] >> shift;
        if shift != 0 && word + 1 < words.len() {
            bits |= words[word + 1] << (64 - shift);
        }
        if window + 1 == self.count {
            return bits as i32;
        }
        (bits & ((1 << self.bits) - 1)) as i32 - (1 << (self.bits - 1))
    }
}

/// Cuts the widths into classes, narrowest first; `histogram[b]` is the number of scalars of
/// exactly `b` bits. A scalar belongs to the first class that is wide enough.
pub(super) fn classes(histogram: &[usize; 256]) -> Vec<Windows> {
    let count =
        |above: u32, to: u32| -> usize { histogram[above as usize + 1..=to as usize].iter().sum() };
    // best[j]: the classes that cover the widths up to WIDTHS[j - 1], and their cost.
    let mut best: Vec<(Vec<Windows>, usize)> = vec![(Vec::new(), 0)];
    for (j, &width) in WIDTHS.iter().enumerate() {
        let mut choice: Option<(usize, Option<Windows>, usize)> = None;
        for (i, (_, below)) in best.iter().enumerate() {
            let above = if i == 0 { 0 } else { WIDTHS[i - 1] };
            let n = count(above, width);
            let (windows, cost) = if n == 0 {
                (None, 0)
            } else {
                let (windows, cost) = Windows::choose(n, width);
                (Some(windows), cost)
            };
            if choice.is_none_or(|(_, _, least)| below + cost < least) {
                choice = Some((i, windows, below + cost));
            }
        }
        let (i, windows, cost) = choice.unwrap_or((j, None, 0));
        let mut classes = best[i].0.clone();
        classes.extend(windows);
        best.push((classes, cost));
    }
    best.pop().map(|(classes, _)| classes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_add_up_to_the_scalar() {
        for width in [1, 2, 7, 8, 16, 33, 63] {
            for n in [1, 100, 10_000, 1 << 20] {
                let (windows, _) = Windows::choose(n, width);
                let top = (1u64 << width) - 1;
                for scalar in [0, 1, top, top / 2, top / 2 + 1, top / 3] {
                    let shifted = [scalar + windows.offset()[0]];
                    let mut sum = 0i128;
                    for window in 0..windows.count {
                        let digit = windows.digit(&shifted, window);
                        assert!(digit.unsigned_abs() as usize <= windows.buckets());
                        sum += i128::from(digit) << (window * windows.bits);
                    }
                    assert_eq!(sum, i128::from(scalar), "{windows:?}");
                }
            }
        }
    }

    #[test]
    fn wide_scalars_do_not_widen_narrow_ones() {
        let mut histogram = [0; 256];
        histogram[1] = 1 << 16;
        histogram[8] = 1 << 16;
        histogram[253] = 1 << 16;
        let widths: Vec<u32> = classes(&histogram).iter().map(|c| c.width).collect();
        // Bits cost as much in one window of eight bits as in a class of their own.
        assert_eq!(widths, [8, 254]);
        assert_eq!(classes(&[0; 256]), []);
    }
}
