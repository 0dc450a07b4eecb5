//! Sums of points, group by group: the engine under multi-scalar and fixed-base multiplication.
//!
//! The input is a list of (group, point) pairs in any order; the output has the sum of each group.
//! A bucket of Pippenger's algorithm is a group, and so is a scalar of a fixed-base multiplication.
//!
//! Groups are cut into runs of at most [`RUN`] points, and runs are sorted by length, longest
//! first. Column `k` holds the k-th point of every run that has one, so a column is never longer
//! than the one before it, and a lane always belongs to the same run. Then
//!
//! ```text
//! column 2j     += column 2j + 1          all j, all lanes: independent additions
//! column 4j     += column 4j + 2
//! ...
//! ```
//!
//! until column 0 holds the sums: contiguous vectors throughout, no addition waits for another one
//! of its round, and it does not matter how the points are spread over the groups. A group longer
//! than a run leaves several sums, which a further pass adds in the same way. The cost is one
//! affine addition per point, less one per group.

use super::points::{Adder, Addition, BATCH, Packed, Points, Upcoming};

/// Longest run, a power of two.
const RUN: usize = 32;

/// A point that belongs to a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Which sum it goes to.
    pub(super) group: u32,
    /// Twice the index of the point, plus one to subtract it.
    pub(super) entry: u32,
}

/// Sums with the groups they belong to. Coordinates are below `2p + 2^220`.
#[derive(Clone, Debug)]
pub(super) struct Sums<const D: usize> {
    /// The group of each sum.
    pub(super) groups: Vec<u32>,
    /// The sums.
    pub(super) points: Vec<Packed<D>>,
}

impl<const D: usize> Sums<D> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { groups: Vec::new(), points: Vec::new() }
    }
}

/// The engine with its memory, to be used many times.
#[derive(Debug)]
pub(super) struct Summer<const D: usize> {
    adder: Adder<D>,
    points: Vec<Points<D>>,
    additions: Vec<Addition>,
    places: Vec<Place>,
    entries: Vec<u32>,
    order: Vec<u32>,
}

/// Where the points of a group go.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Points so far.
    filled: u32,
    /// Runs of full length.
    full: u32,
    /// The rank of the first full run, and of the one that is not full.
    ranks: [u32; 2],
}

/// The columns of a pass.
struct Columns {
    /// How many runs have a k-th point.
    lengths: [usize; RUN],
    /// Where column k starts among the entries.
    starts: [usize; RUN],
}

impl Columns {
    /// From the number of runs of each length.
    fn new(runs_of_length: &[usize; RUN + 1]) -> Self {
        let mut lengths = [0; RUN];
        let mut longer = 0;
        for k in (0..RUN).rev() {
            longer += runs_of_length[k + 1];
            lengths[k] = longer;
        }
        let mut starts = [0; RUN];
        for k in 1..RUN {
            starts[k] = starts[k - 1] + lengths[k - 1].next_multiple_of(8);
        }
        Self { lengths, starts }
    }

    fn entries(&self) -> usize {
        self.starts[RUN - 1] + self.lengths[RUN - 1].next_multiple_of(8)
    }

    /// The vectors of entries in the order in which the first round gathers them.
    fn order(&self, order: &mut Vec<u32>) {
        order.clear();
        for k in (0..RUN).step_by(2) {
            let odd = self.lengths[k + 1].div_ceil(8);
            for q in 0..self.lengths[k].div_ceil(8) {
                order.push((self.starts[k] / 8 + q) as u32);
                if q < odd {
                    order.push((self.starts[k + 1] / 8 + q) as u32);
                }
            }
        }
    }

    /// Lanes of vector `q` that column `k` reaches.
    fn mask(&self, k: usize, q: usize) -> u8 {
        match self.lengths[k].saturating_sub(8 * q) {
            lanes @ 0..8 => (1 << lanes) - 1,
            _ => 0xff,
        }
    }
}

impl<const D: usize> Summer<D> {
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    pub(super) fn new() -> Self {
        Self {
            adder: Adder::new(),
            points: Vec::new(),
            additions: Vec::with_capacity(BATCH),
            places: Vec::new(),
            entries: Vec::new(),
            order: Vec::new(),
        }
    }

    /// The sum of every group that has a point, exactly one per group. Groups are below `groups`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    pub(super) fn sum(&mut self, bases: &[Packed<D>], items: &[Item], groups: usize) -> Sums<D> {
        let mut sums = Sums::new();
        self.pass(bases, items, groups, &mut sums);
        self.finish(sums, groups)
    }

    /// Adds up the sums of equal groups until there is one per group.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    pub(super) fn finish(&mut self, mut sums: Sums<D>, groups: usize) -> Sums<D> {
        loop {
            let mut seen = vec![false; groups];
            let twice =
                sums.groups.iter().any(|&group| std::mem::replace(&mut seen[group as usize], true));
            if !twice {
                return sums;
            }
            let items: Vec<Item> = sums
                .groups
                .iter()
                .zip(0..)
                .map(|(&group, index)| Item { group, entry: 2 * index })
                .collect();
            let mut fewer = Sums::new();
            self.pass(&sums.points, &items, groups, &mut fewer);
            sums = fewer;
        }
    }

    /// Appends one sum per run to `sums`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    pub(super) fn pass(
        &mut self,
        bases: &[Packed<D>],
        items: &[Item],
        groups: usize,
        sums: &mut Sums<D>,
    ) {
        if items.is_empty() {
            return;
        }
        let (columns, owners) = self.place(items, groups);
        self.first_round(bases, &columns);
        self.later_rounds(&columns);
        self.output(owners, sums);
    }

    /// Sorts the entries into columns. Returns also the group of each run, longest run first.
    fn place(&mut self, items: &[Item], groups: usize) -> (Columns, Vec<u32>) {
        self.places.clear();
        self.places.resize(groups, Place::default());
        for item in items {
            self.places[item.group as usize].filled += 1;
        }
        let mut runs_of_length = [0; RUN + 1];
        let mut runs = 0;
        for place in &self.places {
            let (full, rest) = (place.filled as usize / RUN, place.filled as usize % RUN);
            runs += full + usize::from(rest > 0);
            runs_of_length[RUN] += full;
            runs_of_length[rest] += usize::from(rest > 0);
        }
        let columns = Columns::new(&runs_of_length);
        // Runs of length k take the ranks from the number of longer ones on; the full runs of a
        // group follow each other.
        let mut next_rank = [0; RUN + 1];
        next_rank[1..RUN].copy_from_slice(&columns.lengths[1..]);
        let mut owners = vec![0; runs];
        for (group, place) in (0..).zip(&mut self.places) {
            let (full, rest) = (place.filled as usize / RUN, place.filled as usize % RUN);
            let ranks = [next_rank[RUN], next_rank[rest]];
            owners[ranks[0]..ranks[0] + full].fill(group);
            next_rank[RUN] += full;
            if rest > 0 {
                owners[ranks[1]] = group;
                next_rank[rest] += 1;
            }
            *place = Place { filled: 0, full: full as u32, ranks: ranks.map(|rank| rank as u32) };
        }
        self.entries.clear();
        self.entries.resize(columns.entries(), 0);
        for item in items {
            let place = &mut self.places[item.group as usize];
            let (run, column) = (place.filled / RUN as u32, place.filled as usize % RUN);
            let rank = if run < place.full { place.ranks[0] + run } else { place.ranks[1] };
            place.filled += 1;
            self.entries[columns.starts[column] + rank as usize] = item.entry;
        }
        (columns, owners)
    }

    /// Loads the even columns and adds the odd ones.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    fn first_round(&mut self, bases: &[Packed<D>], columns: &Columns) {
        let vectors = (0..RUN).step_by(2).map(|k| columns.lengths[k].div_ceil(8)).sum::<usize>();
        // The odd columns wait for their batch behind the even ones.
        let waiting = vectors;
        if self.points.len() < vectors + BATCH {
            self.points.resize(vectors + BATCH, Points::infinity());
        }
        columns.order(&mut self.order);
        let (entries, _) = self.entries.as_chunks();
        let mut taken = 0;
        let mut left = 0;
        for k in (0..RUN).step_by(2) {
            for q in 0..columns.lengths[k].div_ceil(8) {
                self.points[left] = Points::gather(bases, &entries[columns.starts[k] / 8 + q]);
                taken += 1;
                let mask = columns.mask(k + 1, q);
                if mask != 0 {
                    let right = waiting + self.additions.len();
                    self.points[right] =
                        Points::gather(bases, &entries[columns.starts[k + 1] / 8 + q]);
                    taken += 1;
                    self.additions.push(Addition { left: left as u32, right: right as u32, mask });
                }
                left += 1;
                if self.additions.len() == BATCH {
                    let upcoming = Upcoming { bases, entries, order: &self.order[taken..] };
                    self.adder.add(&mut self.points, &self.additions, &upcoming);
                    self.additions.clear();
                }
            }
        }
        self.flush();
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    fn later_rounds(&mut self, columns: &Columns) {
        let mut starts = [0; RUN];
        let mut start = 0;
        for k in (0..RUN).step_by(2) {
            starts[k] = start;
            start += columns.lengths[k].div_ceil(8);
        }
        let mut stride = 2;
        while stride < RUN && columns.lengths[stride] > 0 {
            for k in (0..RUN).step_by(2 * stride) {
                let other = k + stride;
                for q in 0..columns.lengths[other].div_ceil(8) {
                    self.push(Addition {
                        left: (starts[k] + q) as u32,
                        right: (starts[other] + q) as u32,
                        mask: columns.mask(other, q),
                    });
                }
            }
            self.flush();
            stride *= 2;
        }
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    fn output(&mut self, owners: Vec<u32>, sums: &mut Sums<D>) {
        sums.points.reserve(owners.len() + 8);
        for points in &self.points[..owners.len().div_ceil(8)] {
            sums.points.extend_from_slice(&points.pack());
        }
        sums.groups.extend(owners);
        sums.points.truncate(sums.groups.len());
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    fn push(&mut self, addition: Addition) {
        self.additions.push(addition);
        if self.additions.len() == BATCH {
            self.flush();
        }
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    fn flush(&mut self) {
        self.adder.add(&mut self.points, &self.additions, &Upcoming::NONE);
        self.additions.clear();
    }
}
