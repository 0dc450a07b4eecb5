//! Views: elements moved, repeated, dropped or padded.

use ndarray::{ArrayD, ArrayViewD, Axis, Slice};

use super::super::View;

/// The view of `operands` with the node's `shape`, in row-major layout.
pub(super) fn apply(view: &View, operands: &[ArrayViewD<'_, f32>], shape: &[usize]) -> ArrayD<f32> {
    let x = operands[0].view();
    match view {
        View::Reshape => super::shaped(shape, x.iter().copied().collect()),
        View::Transpose(permutation) => x.permuted_axes(permutation.as_slice()).as_standard_layout().into_owned(),
        View::Broadcast => x.broadcast(shape).expect("the operand broadcasts").as_standard_layout().into_owned(),
        View::Slice { axis, start, step } => {
            let indices: Vec<usize> = (0..shape[*axis]).map(|at| start.wrapping_add_signed(at as isize * step)).collect();
            x.select(Axis(*axis), &indices).as_standard_layout().into_owned()
        }
        View::Concat(axis) => {
            let joined = ndarray::concatenate(Axis(*axis), operands).expect("the parts fit");
            joined.as_standard_layout().into_owned()
        }
        View::Select { axis, indices } => x.select(Axis(*axis), indices).as_standard_layout().into_owned(),
        View::Pad { amounts, value } => {
            let mut out = ArrayD::from_elem(shape, *value);
            let inner = |axis: usize| {
                let (before, _) = amounts[axis];
                Slice::from(before..before + x.len_of(Axis(axis)))
            };
            out.slice_each_axis_mut(|axis| inner(axis.axis.index())).assign(&x);
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn check(view: View, x: ArrayD<f32>, expected: ArrayD<f32>) {
        let found = apply(&view, &[x.view()], expected.shape());
        assert_eq!(found, expected, "{view:?}");
        assert!(found.is_standard_layout());
    }

    #[test]
    fn views_move_elements_as_documented() {
        let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn();
        check(View::Reshape, x.clone(), array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].into_dyn());
        check(View::Transpose(vec![1, 0]), x.clone(), array![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]].into_dyn());
        check(View::Broadcast, array![7.0].into_dyn(), array![[7.0, 7.0], [7.0, 7.0]].into_dyn());
        let slice = |start, step| View::Slice { axis: 1, start, step };
        check(slice(2, -2), x.clone(), array![[3.0, 1.0], [6.0, 4.0]].into_dyn());
        check(slice(1, 1), x.clone(), array![[2.0, 3.0], [5.0, 6.0]].into_dyn());
        let select = View::Select { axis: 0, indices: vec![1, 1, 0] };
        check(select, x.clone(), array![[4.0, 5.0, 6.0], [4.0, 5.0, 6.0], [1.0, 2.0, 3.0]].into_dyn());
        let pad = View::Pad { amounts: vec![(0, 1), (1, 0)], value: 9.0 };
        check(pad, x.clone(), array![[9.0, 1.0, 2.0, 3.0], [9.0, 4.0, 5.0, 6.0], [9.0, 9.0, 9.0, 9.0]].into_dyn());
        let joined = apply(&View::Concat(0), &[x.view(), x.view()], &[4, 3]);
        assert_eq!(joined.index_axis(Axis(0), 3), array![4.0, 5.0, 6.0].into_dyn());
    }
}
