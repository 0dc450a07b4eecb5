//! Maximum of groups of unproven quotients, by a tournament.
//!
//! A match of `a` and `b` is `max(a, b) = b + max(a - b, 0)`, the positive part of [`super::relu`]:
//! two constraints. It proves that `a - b` is an integer below `2^bits` and that the winner is the
//! larger of the two. A group of `n` plays `n - 1` matches. By induction all differences inside a
//! group are integers; the winner's range check makes it, and with it every quotient, an integer.
//! Without that check (which falls away only for operands that need no quotient) a whole group
//! could be shifted by a fraction.
//!
//! Cost: `2 (n - 1)` constraints a group, its quotients, and one range check when there are
//! quotients.

use std::sync::Arc;

use lemma_graph::Interval;

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::Max`](lemma_graph::Op::Max). `bounds` are the proven bounds of `x`.
    pub fn max(
        &mut self,
        x: &B::Form,
        shift: u32,
        group: usize,
        bits: u32,
        range: Interval,
        bounds: Interval,
    ) -> B::Form {
        let mut players = self.quotient(x, shift);
        let mut group = group;
        while group > 1 {
            let groups = self.builder.len(&players) / group;
            let half = group / 2;
            let side = |first: usize| {
                (0..groups).flat_map(move |g| (0..half).map(move |k| g * group + 2 * k + first))
            };
            let a = self.pick(&players, side(0));
            let b = self.pick(&players, side(1));
            let difference = self.builder.combine(&[(1, &a), (-1, &b)], 0);
            let lead = self.positive_part(&difference, bits);
            let mut winners = self.builder.combine(&[(1, &b), (1, &lead)], 0);
            if group % 2 == 1 {
                let idle = self.pick(&players, (0..groups).map(|g| (g + 1) * group - 1));
                let total = (groups * half) as u32;
                let index: Arc<[u32]> = (0..groups as u32)
                    .flat_map(|g| {
                        (0..half as u32).map(move |k| g * half as u32 + k).chain([total + g])
                    })
                    .collect();
                winners = self.builder.gather(&index, &[&winners, &idle]);
            }
            players = winners;
            group -= half;
        }
        if shift > 0 || !range.covers(bounds) {
            self.inside(&players, range);
        }
        players
    }
}
