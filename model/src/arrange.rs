//! Views: elements moved, repeated, dropped or padded.

use ndarray::{ArrayD, ArrayViewD, Axis, Slice};

use super::View;

impl View {
    /// The view of `operands` with the node's `shape`, in row-major layout; padding holds what
    /// `padding` makes of its value. `None` when the operands do not give the shape.
    pub fn arrange<T: Copy>(
        &self,
        operands: &[ArrayViewD<'_, T>],
        shape: &[usize],
        padding: impl Fn(f32) -> T,
    ) -> Option<ArrayD<T>> {
        let x = operands.first()?;
        match self {
            View::Reshape => ArrayD::from_shape_vec(shape, x.iter().copied().collect()).ok(),
            View::Transpose(permutation) => {
                let mut sorted = permutation.clone();
                sorted.sort_unstable();
                let turned = || x.view().permuted_axes(permutation.as_slice());
                sorted.into_iter().eq(0..x.ndim()).then(|| row_major(&turned()))
            }
            View::Broadcast => Some(row_major(&x.broadcast(shape)?)),
            View::Slice { axis, start, step } => {
                let index = |at| start.wrapping_add_signed(at as isize * step);
                let indices: Vec<usize> = (0..*shape.get(*axis)?).map(index).collect();
                select(x, *axis, &indices)
            }
            View::Concat(axis) if *axis < x.ndim() => {
                Some(row_major(&ndarray::concatenate(Axis(*axis), operands).ok()?.view()))
            }
            View::Concat(_) => None,
            View::Select { axis, indices } => select(x, *axis, indices),
            View::Pad { amounts, value } => {
                let padded =
                    |((&extent, &(before, after)), &wide): ((&usize, &(usize, usize)), &usize)| {
                        before.checked_add(extent).and_then(|end| end.checked_add(after))
                            == Some(wide)
                    };
                let fits = amounts.len() == x.ndim() && shape.len() == x.ndim();
                if !fits || !x.shape().iter().zip(amounts).zip(shape).all(padded) {
                    return None;
                }
                let mut out = ArrayD::from_elem(shape, padding(*value));
                let mut inner = out.view_mut();
                for (axis, ((before, _), extent)) in amounts.iter().zip(x.shape()).enumerate() {
                    inner.slice_axis_inplace(Axis(axis), Slice::from(*before..before + extent));
                }
                inner.assign(x);
                Some(out)
            }
        }
    }
}

/// The given indices of an axis; `None` when one is outside.
fn select<T: Copy>(x: &ArrayViewD<'_, T>, axis: usize, indices: &[usize]) -> Option<ArrayD<T>> {
    let extent = *x.shape().get(axis)?;
    let inner: usize = x.shape().iter().skip(axis + 1).product();
    let mut shape = x.shape().to_vec();
    *shape.get_mut(axis)? = indices.len();
    let x = x.as_standard_layout();
    let blocks = x.as_slice()?.chunks((extent * inner).max(1));
    let mut taken = Vec::with_capacity(shape.iter().product());
    for block in blocks {
        for index in indices {
            let start = index.checked_mul(inner).filter(|_| *index < extent)?;
            taken.extend_from_slice(block.get(start..start + inner)?);
        }
    }
    ArrayD::from_shape_vec(shape, taken).ok()
}

fn row_major<T: Copy>(x: &ArrayViewD<'_, T>) -> ArrayD<T> {
    x.as_standard_layout().into_owned()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn apply(
        view: &View,
        operands: &[ArrayViewD<'_, f32>],
        shape: &[usize],
    ) -> Option<ArrayD<f32>> {
        view.arrange(operands, shape, |value| value)
    }

    fn check(view: View, x: ArrayD<f32>, expected: ArrayD<f32>) {
        let found = apply(&view, &[x.view()], expected.shape()).unwrap();
        assert_eq!(found, expected, "{view:?}");
        assert!(found.is_standard_layout());
    }

    #[test]
    fn views_move_elements_as_documented() {
        let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn();
        check(View::Reshape, x.clone(), array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].into_dyn());
        check(
            View::Transpose(vec![1, 0]),
            x.clone(),
            array![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]].into_dyn(),
        );
        check(View::Broadcast, array![7.0].into_dyn(), array![[7.0, 7.0], [7.0, 7.0]].into_dyn());
        let slice = |start, step| View::Slice { axis: 1, start, step };
        check(slice(2, -2), x.clone(), array![[3.0, 1.0], [6.0, 4.0]].into_dyn());
        check(slice(1, 1), x.clone(), array![[2.0, 3.0], [5.0, 6.0]].into_dyn());
        let select = View::Select { axis: 0, indices: vec![1, 1, 0] };
        check(
            select,
            x.clone(),
            array![[4.0, 5.0, 6.0], [4.0, 5.0, 6.0], [1.0, 2.0, 3.0]].into_dyn(),
        );
        let pad = View::Pad { amounts: vec![(0, 1), (1, 0)], value: 9.0 };
        check(
            pad,
            x.clone(),
            array![[9.0, 1.0, 2.0, 3.0], [9.0, 4.0, 5.0, 6.0], [9.0, 9.0, 9.0, 9.0]].into_dyn(),
        );
        let joined = apply(&View::Concat(0), &[x.view(), x.view()], &[4, 3]).unwrap();
        assert_eq!(joined.index_axis(Axis(0), 3), array![4.0, 5.0, 6.0].into_dyn());
    }

    #[test]
    fn rejects_operands_that_do_not_fit() {
        let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn();
        let cases: [(View, &[usize]); 9] = [
            (View::Reshape, &[7]),
            (View::Transpose(vec![0, 0]), &[2, 2]),
            (View::Broadcast, &[2, 4]),
            (View::Slice { axis: 2, start: 0, step: 1 }, &[2, 3]),
            (View::Slice { axis: 1, start: 1, step: 2 }, &[2, 3]),
            (View::Concat(2), &[2, 3]),
            (View::Select { axis: 0, indices: vec![2] }, &[1, 3]),
            (View::Pad { amounts: vec![(1, 0)], value: 0.0 }, &[3, 3]),
            (View::Pad { amounts: vec![(1, 0), (0, usize::MAX)], value: 0.0 }, &[3, 3]),
        ];
        for (view, shape) in cases {
            assert!(apply(&view, &[x.view()], shape).is_none(), "{view:?}");
        }
        assert!(
            apply(&View::Concat(0), &[x.view(), array![[1.0]].into_dyn().view()], &[3, 3])
                .is_none()
        );
        assert!(apply(&View::Reshape, &[], &[6]).is_none());
    }
}
