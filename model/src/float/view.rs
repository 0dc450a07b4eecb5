//! Views: elements moved, repeated, dropped or padded.

use ndarray::{ArrayD, ArrayViewD, Axis, Slice};

use super::super::View;

/// The view of `operands` with the node's `shape`, in row-major layout.
pub(super) fn apply(
    view: &View,
    operands: &[ArrayViewD<'_, f32>],
    shape: &[usize],
) -> Result<ArrayD<f32>, String> {
    let misfit = || {
        let found: Vec<_> = operands.iter().map(|operand| operand.shape()).collect();
        format!("{view:?} of operands {found:?} does not give {shape:?}")
    };
    let first = operands.first().ok_or_else(misfit)?;
    let x = first.view();
    let select = |axis: usize, indices: &[usize]| {
        let inside =
            x.shape().get(axis).is_some_and(|&extent| indices.iter().all(|&index| index < extent));
        if inside {
            Ok(x.select(Axis(axis), indices).as_standard_layout().into_owned())
        } else {
            Err(misfit())
        }
    };
    match view {
        View::Reshape => super::shaped(shape, x.iter().copied().collect()),
        View::Transpose(permutation) => {
            let mut sorted = permutation.clone();
            sorted.sort_unstable();
            if !sorted.into_iter().eq(0..x.ndim()) {
                return Err(misfit());
            }
            Ok(x.permuted_axes(permutation.as_slice()).as_standard_layout().into_owned())
        }
        View::Broadcast => {
            Ok(x.broadcast(shape).ok_or_else(misfit)?.as_standard_layout().into_owned())
        }
        View::Slice { axis, start, step } => {
            let count = shape.get(*axis).copied().ok_or_else(misfit)?;
            let indices: Vec<usize> =
                (0..count).map(|at| start.wrapping_add_signed(at as isize * step)).collect();
            select(*axis, &indices)
        }
        View::Concat(axis) if *axis < x.ndim() => {
            let joined = ndarray::concatenate(Axis(*axis), operands).map_err(|_| misfit())?;
            Ok(joined.as_standard_layout().into_owned())
        }
        View::Concat(_) => Err(misfit()),
        View::Select { axis, indices } => select(*axis, indices),
        View::Pad { amounts, value } => {
            let padded =
                |((&extent, &(before, after)), &wide): ((&usize, &(usize, usize)), &usize)| {
                    before.checked_add(extent).and_then(|end| end.checked_add(after)) == Some(wide)
                };
            let fits = amounts.len() == x.ndim() && shape.len() == x.ndim();
            if !fits || !x.shape().iter().zip(amounts).zip(shape).all(padded) {
                return Err(misfit());
            }
            let mut out = ArrayD::from_elem(shape, *value);
            let inner = |axis: usize| {
                let (before, _) = amounts[axis];
                Slice::from(before..before + x.len_of(Axis(axis)))
            };
            out.slice_each_axis_mut(|axis| inner(axis.axis.index())).assign(&x);
            Ok(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

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
            assert!(apply(&view, &[x.view()], shape).is_err(), "{view:?}");
        }
        assert!(
            apply(&View::Concat(0), &[x.view(), array![[1.0]].into_dyn().view()], &[3, 3]).is_err()
        );
        assert!(apply(&View::Reshape, &[], &[6]).is_err());
    }
}
