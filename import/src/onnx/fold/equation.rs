//! Einstein sums: which axes of several operands are one, and which of them are summed.

/// Labels of the axes of the operands and of the result. Axes of one label run together.
pub(super) struct Equation {
    pub(super) operands: Vec<Vec<usize>>,
    pub(super) output: Vec<usize>,
}

/// Labels below are letters; the axes of an ellipsis come after, numbered from the last one.
const LETTERS: usize = 256;

impl Equation {
    /// Reads an equation like `bij,bjk->bik`. Without an arrow the result has the letters that
    /// occur once, sorted.
    pub(super) fn parse(text: &str, ranks: &[usize]) -> Result<Equation, String> {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (left, right) =
            text.split_once("->").map_or((&text[..], None), |(left, right)| (left, Some(right)));
        let terms: Vec<&str> = left.split(',').collect();
        if terms.len() != ranks.len() {
            return Err(format!("{} terms for {} operands", terms.len(), ranks.len()));
        }
        let mut operands = vec![];
        let mut ellipsis = 0;
        for (term, &rank) in terms.iter().zip(ranks) {
            let letters = term.chars().filter(|&letter| letter != '.').count();
            let hidden =
                rank.checked_sub(letters).filter(|&hidden| hidden == 0 || term.contains("..."));
            let hidden =
                hidden.ok_or_else(|| format!("`{term}` for an operand with {rank} axes"))?;
            ellipsis = ellipsis.max(hidden);
            operands.push(labels(term, hidden)?);
        }
        let output = match right {
            Some(right) => labels(right, if right.contains("...") { ellipsis } else { 0 })?,
            None => {
                let all = operands.concat();
                let once = (0..LETTERS)
                    .filter(|letter| all.iter().filter(|&label| label == letter).count() == 1);
                (LETTERS..LETTERS + ellipsis).rev().chain(once).collect()
            }
        };
        let has_twin = |(at, label): (usize, &usize)| output[..at].contains(label);
        if output.iter().enumerate().any(has_twin) {
            return Err("the result has an axis twice".into());
        }
        Ok(Equation { operands, output })
    }

    /// How the operands of some shapes are walked through. An extent of 1 is repeated.
    pub(super) fn plan(&self, shapes: &[&[usize]]) -> Result<Plan, String> {
        let mut labels = self.output.clone();
        for &label in self.operands.iter().flatten() {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        let mut extents = vec![None; labels.len()];
        let mut strides = vec![vec![0; labels.len()]; shapes.len()];
        for ((operand, shape), strides) in self.operands.iter().zip(shapes).zip(&mut strides) {
            for (axis, (label, &extent)) in operand.iter().zip(shape.iter()).enumerate() {
                if operand
                    .iter()
                    .zip(shape.iter())
                    .any(|(other, &own)| other == label && own != extent)
                {
                    return Err(format!("a diagonal of shape {shape:?}"));
                }
                let at = labels.iter().position(|other| other == label).unwrap_or_default();
                match extents[at] {
                    None | Some(1) => extents[at] = Some(extent),
                    Some(known) if extent == 1 || extent == known => {}
                    Some(known) => {
                        return Err(format!("extents {known} and {extent} on the same axis"));
                    }
                }
                if extent != 1 {
                    strides[at] += shape[axis + 1..].iter().product::<usize>();
                }
            }
        }
        let extents: Option<Vec<usize>> = extents.into_iter().collect();
        let mut shape = extents.ok_or("the result has an axis that no operand has")?;
        let summed = shape.split_off(self.output.len());
        Ok(Plan { shape, summed, strides })
    }
}

fn labels(term: &str, hidden: usize) -> Result<Vec<usize>, String> {
    let of = |letters: &str| {
        let label = |letter: char| {
            if letter.is_ascii_alphabetic() {
                Ok(letter as usize)
            } else {
                Err(format!("`{letter}` is no axis"))
            }
        };
        letters.chars().map(label).collect::<Result<Vec<usize>, String>>()
    };
    match term.split_once("...") {
        Some((before, after)) => {
            Ok([of(before)?, (LETTERS..LETTERS + hidden).rev().collect(), of(after)?].concat())
        }
        None => of(term),
    }
}

/// A walk: the extents of the result, of what is summed, and for each operand how far an axis of
/// either moves in it.
pub(super) struct Plan {
    pub(super) shape: Vec<usize>,
    pub(super) summed: Vec<usize>,
    strides: Vec<Vec<usize>>,
}

impl Plan {
    /// For each element of the result, `add` applied to a sum, `zero` at first, and the places of
    /// the factors in turn.
    pub(super) fn sums<T: Copy>(&self, zero: T, add: impl Fn(T, &[usize]) -> T) -> Vec<T> {
        let mut sums = vec![];
        let origin = vec![0; self.strides.len()];
        let (rows, columns) =
            (self.moves(&self.shape, 0), self.moves(&self.summed, self.shape.len()));
        walk(&self.shape, &rows, &origin, &mut |start| {
            let mut sum = zero;
            walk(&self.summed, &columns, start, &mut |places| sum = add(sum, places));
            sums.push(sum);
        });
        sums
    }

    /// For each axis, from label `first` on, and each operand, what is added to a place when the
    /// axis moves on by one and those after it begin again; differences wrap.
    fn moves(&self, extents: &[usize], first: usize) -> Vec<Vec<usize>> {
        let moved = |axis: usize, strides: &[usize]| {
            let after = (axis + 1..extents.len())
                .map(|after| extents[after].saturating_sub(1) * strides[after]);
            strides[axis].wrapping_sub(after.sum())
        };
        (0..extents.len())
            .map(|axis| self.strides.iter().map(|strides| moved(axis, &strides[first..])).collect())
            .collect()
    }
}

/// Calls `visit` with the places of the factors at every position on axes of some extents, in
/// row-major order.
fn walk(
    extents: &[usize],
    moves: &[Vec<usize>],
    start: &[usize],
    visit: &mut impl FnMut(&[usize]),
) {
    if extents.contains(&0) {
        return;
    }
    let mut position = vec![0; extents.len()];
    let mut places = start.to_vec();
    loop {
        visit(&places);
        let Some(axis) = (0..extents.len()).rev().find(|&axis| position[axis] + 1 < extents[axis])
        else {
            return;
        };
        position[axis] += 1;
        position[axis + 1..].fill(0);
        for (place, by) in places.iter_mut().zip(&moves[axis]) {
            *place = place.wrapping_add(*by);
        }
    }
}
