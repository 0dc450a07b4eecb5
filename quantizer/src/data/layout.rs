//! How an array holds the samples of an input.
//!
//! An array fits an input when their shapes are equal up to ones at either end, which move no
//! element. Shapes that only have as many elements are refused: an image in another order of axes
//! would be read as noise.

/// How an array holds samples of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// The array is one sample.
    Single,
    /// The first axis counts samples.
    Stacked(usize),
}

impl Layout {
    /// The layout of an array of shape `found` for an input of shape `expected`; `None` when it
    /// does not fit.
    pub(super) fn of(expected: &[usize], found: &[usize]) -> Option<Layout> {
        match found {
            _ if found == expected => Some(Layout::Single),
            [count, rest @ ..] if core(rest) == core(expected) => Some(Layout::Stacked(*count)),
            _ if core(found) == core(expected) => Some(Layout::Single),
            _ => None,
        }
    }

    /// Number of samples.
    pub(super) fn count(self) -> usize {
        match self {
            Layout::Single => 1,
            Layout::Stacked(count) => count,
        }
    }
}

/// What to do with an array of shape `found` so that it fits an input of shape `expected`.
pub(super) fn advice(expected: &[usize], found: &[usize]) -> String {
    let wanted: usize = expected.iter().product();
    let stacked = found.split_first().filter(|(_, rest)| rest.iter().product::<usize>() == wanted);
    // Samples one behind the other, else a single one.
    let (first, sample) = match stacked {
        Some((_, rest)) => (1, rest),
        None if found.iter().product::<usize>() == wanted => (0, found),
        None => return "a sample has another number of elements".into(),
    };
    match permutation(core(expected), sample) {
        Some(order) => {
            let axes = (0..first).chain(order.into_iter().map(|axis| axis + first));
            let axes: Vec<String> = axes.map(|axis| axis.to_string()).collect();
            format!(
                "its axes have another order: write numpy's `transpose({})` of it",
                axes.join(", ")
            )
        }
        None => {
            let samples = if first == 1 { vec!["-1".to_owned()] } else { Vec::new() };
            let extents: Vec<String> =
                samples.into_iter().chain(expected.iter().map(ToString::to_string)).collect();
            format!(
                "if its elements have the input's order, write numpy's `reshape({})` of it",
                extents.join(", ")
            )
        }
    }
}

/// The order in which the axes of `found` have the extents of `expected`, up to ones at either end;
/// the first that does, in lexicographic order.
fn permutation(expected: &[usize], found: &[usize]) -> Option<Vec<usize>> {
    let ones: Vec<usize> = (0..found.len()).filter(|axis| found.get(*axis) == Some(&1)).collect();
    let mut taken = vec![false; found.len()];
    let mut order = Vec::new();
    for extent in expected {
        let axis = (0..found.len())
            .find(|axis| found.get(*axis) == Some(extent) && taken.get(*axis) == Some(&false))?;
        taken.get_mut(axis).into_iter().for_each(|taken| *taken = true);
        order.push(axis);
    }
    let left: Vec<usize> =
        (0..found.len()).filter(|axis| taken.get(*axis) == Some(&false)).collect();
    let unused = left.iter().all(|axis| ones.contains(axis));
    unused.then(|| left.into_iter().chain(order).collect())
}

/// The shape without the ones at either end.
fn core(shape: &[usize]) -> &[usize] {
    let start = shape.iter().position(|extent| *extent != 1).unwrap_or(shape.len());
    let end = shape.iter().rposition(|extent| *extent != 1).map_or(start, |last| last + 1);
    shape.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_at_either_end_move_no_element() {
        let image = [1, 1, 2, 3];
        for shape in [&[5, 1, 2, 3][..], &[5, 2, 3], &[5, 2, 3, 1], &[5, 1, 1, 2, 3]] {
            assert_eq!(Layout::of(&image, shape), Some(Layout::Stacked(5)), "{shape:?}");
        }
        for shape in [&[1, 1, 2, 3][..], &[2, 3], &[2, 3, 1]] {
            assert_eq!(Layout::of(&image, shape).map(Layout::count), Some(1), "{shape:?}");
        }
        assert_eq!(Layout::of(&[1, 1], &[7]), Some(Layout::Stacked(7)));
        assert_eq!(Layout::of(&[1, 4], &[4, 4]), Some(Layout::Stacked(4)));
        assert_eq!(Layout::of(&[4, 4], &[4, 4]), Some(Layout::Single));
    }

    #[test]
    fn rejects_shapes_that_only_have_as_many_elements() {
        for (expected, found) in [
            (&[1, 3, 8, 8][..], &[40, 8, 8, 3][..]),
            (&[1, 1, 2, 2], &[3, 4]),
            (&[4], &[2, 2]),
            (&[2, 3], &[3, 2]),
        ] {
            assert_eq!(Layout::of(expected, found), None, "{expected:?} {found:?}");
        }
    }

    #[test]
    fn the_advice_is_the_transpose_or_the_reshape_that_fits() {
        assert!(advice(&[1, 3, 8, 8], &[40, 8, 8, 3]).contains("transpose(0, 3, 1, 2)"));
        assert!(advice(&[1, 3, 8, 8], &[8, 8, 3]).contains("transpose(2, 0, 1)"));
        assert!(advice(&[1, 8, 3], &[5, 1, 3, 8]).contains("transpose(0, 1, 3, 2)"));
        assert!(advice(&[1, 1, 28, 28], &[9, 784]).contains("reshape(-1, 1, 1, 28, 28)"));
        assert!(advice(&[1, 784], &[28, 28]).contains("reshape(1, 784)"));
        assert_eq!(advice(&[1, 4], &[3, 5]), "a sample has another number of elements");
    }
}
