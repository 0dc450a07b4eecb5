//! Elementwise functions, and functions of one axis: softmax, argmax, sums.

use std::cmp::Ordering;

use ndarray::{ArrayD, ArrayViewD, ArrayViewMut1, Axis, Zip};

/// `f(a, b)` with numpy broadcasting to `shape`.
pub(super) fn binary(
    a: &ArrayViewD<'_, f32>,
    b: &ArrayViewD<'_, f32>,
    shape: &[usize],
    f: impl Fn(f32, f32) -> f32,
) -> Result<ArrayD<f32>, String> {
    match (a.broadcast(shape), b.broadcast(shape)) {
        (Some(a), Some(b)) => Ok(Zip::from(a).and(b).map_collect(|&a, &b| f(a, b))),
        _ => Err(format!(
            "operands {:?} and {:?} do not broadcast to {shape:?}",
            a.shape(),
            b.shape()
        )),
    }
}

/// `scores`, at most `floor` where `hidden` is 1; what is neither 0 nor 1 hides nothing and is an
/// error.
pub(super) fn masked(
    scores: &ArrayViewD<'_, f32>,
    hidden: &ArrayViewD<'_, f32>,
    shape: &[usize],
    floor: f32,
) -> Result<ArrayD<f32>, String> {
    if let Some(other) = hidden.iter().find(|flag| **flag != 0.0 && **flag != 1.0) {
        return Err(format!("its mask holds {other}; zeros and ones are possible"));
    }
    binary(
        scores,
        hidden,
        shape,
        |score, hidden| if hidden == 1.0 { score.min(floor) } else { score },
    )
}

/// Softmax over the last axis; each row is shifted by its maximum first.
pub(super) fn softmax(x: &ArrayViewD<'_, f32>) -> ArrayD<f32> {
    rows(x, |row| {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0f64;
        for value in row.iter_mut() {
            *value = (*value - top).exp();
            sum += f64::from(*value);
        }
        scale(row, 1.0 / sum);
    })
}

/// Logarithm of the softmax over the last axis; each row is shifted by its maximum first.
pub(super) fn log_softmax(x: &ArrayViewD<'_, f32>) -> ArrayD<f32> {
    rows(x, |row| {
        let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let sum: f64 = row.iter().map(|value| (f64::from(*value) - top).exp()).sum();
        row.map_inplace(|value| *value = (f64::from(*value) - top - sum.ln()) as f32);
    })
}

/// Position of the largest element of the last axis, the lowest on ties.
pub(super) fn argmax(x: &ArrayViewD<'_, f32>) -> Vec<f32> {
    let positions = x.rows().into_iter().map(|row| {
        let mut best = 0;
        for (at, value) in row.iter().enumerate() {
            if *value > row[best] {
                best = at;
            }
        }
        best as f32
    });
    positions.collect()
}

/// Positions of the `count` largest elements of the last axis, the larger first, the lower position
/// first on ties.
pub(super) fn top(x: &ArrayViewD<'_, f32>, count: usize) -> Vec<f32> {
    let places = x.rows().into_iter().flat_map(|row| {
        let mut order: Vec<usize> = (0..row.len()).collect();
        // A stable sort: of equal elements the first stays first.
        order.sort_by(|&a, &b| row[b].partial_cmp(&row[a]).unwrap_or(Ordering::Equal));
        order.into_iter().take(count).map(|place| place as f32)
    });
    places.collect()
}

/// Sum over `axes`, kept with size 1.
pub(super) fn sum(x: &ArrayViewD<'_, f32>, axes: &[usize]) -> Result<ArrayD<f32>, String> {
    count(x, axes)?;
    let mut out = x.mapv(f64::from);
    for &axis in axes {
        out = out.sum_axis(Axis(axis)).insert_axis(Axis(axis));
    }
    Ok(out.mapv(|x| x as f32))
}

/// Mean over `axes`, kept with size 1.
pub(super) fn mean(x: &ArrayViewD<'_, f32>, axes: &[usize]) -> Result<ArrayD<f32>, String> {
    Ok(sum(x, axes)? / count(x, axes)? as f32)
}

/// Elements that a sum over `axes` has.
fn count(x: &ArrayViewD<'_, f32>, axes: &[usize]) -> Result<usize, String> {
    let extents = axes.iter().map(|&axis| x.shape().get(axis).copied());
    extents
        .product::<Option<usize>>()
        .ok_or_else(|| format!("axes {axes:?} of an operand {:?}", x.shape()))
}

fn rows(x: &ArrayViewD<'_, f32>, mut f: impl FnMut(&mut ArrayViewMut1<'_, f32>)) -> ArrayD<f32> {
    let mut out = x.as_standard_layout().into_owned();
    for mut row in out.rows_mut() {
        f(&mut row);
    }
    out
}

fn scale(row: &mut ArrayViewMut1<'_, f32>, factor: f64) {
    row.map_inplace(|x| *x = (f64::from(*x) * factor) as f32);
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    fn close(a: &ArrayD<f32>, b: &ArrayD<f32>) -> bool {
        a.shape() == b.shape() && (a - b).iter().all(|error| error.abs() < 1e-6)
    }

    #[test]
    fn softmax_survives_large_scores_and_masks() {
        let y = softmax(&array![[1000.0, 1000.0, -1e9]].into_dyn().view());
        assert!(close(&y, &array![[0.5, 0.5, 0.0]].into_dyn()));
    }

    #[test]
    fn log_softmax_keeps_what_softmax_loses() {
        let y = log_softmax(&array![[0.0, -200.0, 0.0]].into_dyn().view());
        let half = -std::f32::consts::LN_2;
        assert!(close(&y, &array![[half, half - 200.0, half]].into_dyn()));
    }

    #[test]
    fn argmax_takes_the_lowest_on_ties() {
        let x = array![[1.0, 3.0, 3.0], [0.0, -1.0, 0.0]].into_dyn();
        assert_eq!(argmax(&x.view()), [1.0, 0.0]);
    }

    #[test]
    fn reductions_keep_their_axes() {
        let x = array![[[1.0, 2.0], [3.0, 4.0]]].into_dyn();
        assert_eq!(sum(&x.view(), &[1, 2]).unwrap(), array![[[10.0]]].into_dyn());
        assert_eq!(mean(&x.view(), &[1]).unwrap(), array![[[2.0, 3.0]]].into_dyn());
    }

    #[test]
    fn binary_functions_broadcast_both_ways() {
        let (a, b) = (array![[1.0], [2.0]].into_dyn(), array![10.0, 20.0].into_dyn());
        let sum = binary(&a.view(), &b.view(), &[2, 2], |a, b| a + b).unwrap();
        assert_eq!(sum, array![[11.0, 21.0], [12.0, 22.0]].into_dyn());
    }

    #[test]
    fn rejects_operands_that_do_not_fit() {
        let x = array![[1.0, 2.0], [3.0, 4.0]].into_dyn();
        let three = Array1::ones(3);
        assert!(binary(&x.view(), &three.view().into_dyn(), &[2, 2], |a, b| a + b).is_err());
        assert!(sum(&x.view(), &[2]).is_err());
        assert!(mean(&x.view(), &[0, 2]).is_err());
    }
}
