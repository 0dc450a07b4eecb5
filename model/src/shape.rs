//! Shape rules of the float model: one function from an operation and its operands' shapes to the
//! result's shape.
//!
//! Every shape that passes here has at most [`MAX_RANK`] axes, no empty axis and at most
//! [`MAX_ELEMENTS`] elements, and its element count was multiplied with overflow checks.
//! Interpreters and passes rely on that and on nothing else.

use thiserror::Error;

use super::{Norm, NormForm, Op, View};

/// Most elements that the windows of a pooling read together, padding as well.
const MAX_READS: usize = 1 << 26;

/// Largest number of elements of one tensor: 2^28, one gibibyte of `f32`.
pub const MAX_ELEMENTS: usize = 1 << 28;

/// Largest number of axes of one tensor.
pub const MAX_RANK: usize = 8;

/// A shape that does not fit its operation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("node `{node}`: {problem}")]
pub struct ShapeError {
    /// The node's name.
    pub node: String,
    /// What does not fit.
    pub problem: String,
}

/// Number of elements of a shape, or what is wrong with it.
pub fn volume(shape: &[usize]) -> Result<usize, String> {
    if shape.len() > MAX_RANK {
        return Err(format!(
            "shape {shape:?} has {} axes; at most {MAX_RANK} are supported",
            shape.len()
        ));
    }
    let mut product = 1usize;
    for &extent in shape {
        if extent == 0 {
            return Err(format!("shape {shape:?} has an empty axis"));
        }
        product = product
            .checked_mul(extent)
            .filter(|&product| product <= MAX_ELEMENTS)
            .ok_or_else(|| format!("shape {shape:?} has more than {MAX_ELEMENTS} elements"))?;
    }
    Ok(product)
}

/// The numpy broadcast of two shapes, where it exists.
pub fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| {
        (axis + shape.len())
            .checked_sub(rank)
            .and_then(|axis| shape.get(axis))
            .copied()
            .unwrap_or(1)
    };
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// The shape of `op`'s result. `declared` is the node's own shape, which inputs, reshapes,
/// broadcasts and slices need and which every other operation must agree with.
pub(super) fn result(
    op: &Op,
    operands: &[&[usize]],
    declared: Option<&[usize]>,
) -> Result<Vec<usize>, String> {
    check_arity(op, operands.len())?;
    let shape = rule(op, operands, declared)?;
    volume(&shape)?;
    match declared {
        Some(declared) if declared != shape => {
            Err(format!("the result has shape {shape:?}, the node declares {declared:?}"))
        }
        _ => Ok(shape),
    }
}

fn check_arity(op: &Op, found: usize) -> Result<(), String> {
    let expected = match op {
        Op::Input | Op::Tokens { .. } | Op::Constant(_) => 0,
        Op::Add | Op::Sub | Op::Mul | Op::MatMul | Op::Mask => 2,
        Op::View(View::Concat(_)) => found.max(1),
        _ => 1,
    };
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found} operands given, {expected} expected"))
    }
}

fn rule(op: &Op, operands: &[&[usize]], declared: Option<&[usize]>) -> Result<Vec<usize>, String> {
    let needed = || {
        declared
            .map(<[usize]>::to_vec)
            .ok_or_else(|| "this operation needs an explicit shape".to_string())
    };
    match (op, operands) {
        (Op::Input, []) => needed(),
        (Op::Tokens { vocabulary }, []) if *vocabulary == 0 => {
            Err("the vocabulary is empty".into())
        }
        (Op::Tokens { .. }, []) => needed(),
        (Op::Constant(value), []) => Ok(value.shape().to_vec()),
        (Op::Add | Op::Sub | Op::Mul, [a, b]) => {
            broadcast(a, b).ok_or_else(|| format!("shapes {a:?} and {b:?} do not broadcast"))
        }
        (Op::MatMul, [a, b]) => matrix_product(a, b),
        (Op::Mask, [scores, hidden]) => match broadcast(scores, hidden) {
            Some(shape) if shape == *scores => Ok(shape),
            _ => Err(format!("a mask of {hidden:?} does not broadcast to scores of {scores:?}")),
        },
        (Op::View(View::Concat(axis)), parts) => concat(*axis, parts),
        (op, [x]) => unary_rule(op, x, needed),
        _ => Err("wrong number of operands".into()),
    }
}

fn unary_rule(
    op: &Op,
    x: &[usize],
    needed: impl Fn() -> Result<Vec<usize>, String>,
) -> Result<Vec<usize>, String> {
    let last = || x.last().copied().ok_or_else(|| "a scalar has no last axis".to_string());
    let parameter = |what: &str, length: Option<usize>, expected: usize| match length {
        Some(found) if found != expected => {
            Err(format!("{what} has {found} elements, {expected} expected"))
        }
        _ => Ok(()),
    };
    match op {
        Op::Dense { weight, bias } => {
            let (k, n) = weight.dim();
            if last()? != k {
                return Err(format!("operand {x:?} does not fit a weight of [{k}, {n}]"));
            }
            parameter("the bias", bias.as_ref().map(|bias| bias.len()), n)?;
            Ok(with_last(x, n))
        }
        Op::Conv { weight, bias, window, groups } => {
            let (out, per_group, height, width) = weight.dim();
            let [_, channels, h, w] = image(x)?;
            if *groups == 0
                || channels % groups != 0
                || out % groups != 0
                || channels / groups != per_group
            {
                return Err(format!(
                    "{channels} channels in {groups} groups do not fit a weight of {:?}",
                    weight.shape()
                ));
            }
            if window.kernel != [height, width] {
                return Err(format!(
                    "window kernel {:?} differs from the weight's {:?}",
                    window.kernel,
                    [height, width]
                ));
            }
            parameter("the bias", bias.as_ref().map(|bias| bias.len()), out)?;
            let [h, w] = window.output([h, w])?;
            Ok(vec![1, out, h, w])
        }
        Op::AveragePool { window, .. } | Op::MaxPool { window } => {
            let [_, channels, h, w] = image(x)?;
            let output = window.output([h, w])?;
            let reads = [&window.kernel[..], &output, &[channels]]
                .concat()
                .into_iter()
                .try_fold(1usize, usize::checked_mul);
            if reads.is_none_or(|reads| reads > MAX_READS) {
                return Err(format!(
                    "pooling window {window:?} reads more than 2^26 elements together"
                ));
            }
            if !window.always_covers([h, w], output) {
                return Err(format!("pooling window {window:?} lies on padding alone somewhere"));
            }
            Ok(vec![1, channels, output[0], output[1]])
        }
        Op::Unary(_) | Op::Composed(_) => Ok(x.to_vec()),
        Op::PRelu { slope } => match broadcast(slope.shape(), x) {
            Some(shape) if shape == x => Ok(shape),
            _ => Err(format!("slopes {:?} do not broadcast to {x:?}", slope.shape())),
        },
        Op::Softmax | Op::LogSoftmax => last().map(|_| x.to_vec()),
        Op::ArgMax => last().map(|_| x.split_last().map_or(vec![], |(_, head)| head.to_vec())),
        Op::Top { count } => {
            let width = last()?;
            if !(1..=width).contains(count) {
                return Err(format!("the {count} largest of {width} elements"));
            }
            Ok(with_last(x, *count))
        }
        Op::Norm(Norm { form: NormForm::L2, gain, bias, .. })
            if gain.is_some() || bias.is_some() =>
        {
            Err("an L2 norm has neither gain nor bias".into())
        }
        Op::Norm(Norm { gain, bias, .. }) => {
            parameter("the gain", gain.as_ref().map(|gain| gain.len()), last()?)?;
            parameter("the bias", bias.as_ref().map(|bias| bias.len()), last()?)?;
            Ok(x.to_vec())
        }
        Op::Sum { axes } | Op::Mean { axes } => {
            if axes.is_empty()
                || !axes.is_sorted_by(|a, b| a < b)
                || axes.iter().any(|&axis| axis >= x.len())
            {
                return Err(format!("axes {axes:?} are not ascending axes of {x:?}"));
            }
            Ok(x.iter()
                .enumerate()
                .map(|(axis, &extent)| if axes.contains(&axis) { 1 } else { extent })
                .collect())
        }
        Op::Trees(trees) => {
            trees.check(last()?)?;
            Ok(with_last(x, trees.leaves))
        }
        Op::Embedding { table } => {
            let mut shape = x.to_vec();
            shape.push(table.ncols());
            Ok(shape)
        }
        Op::View(view) => view_rule(view, x, needed),
        _ => Err("wrong number of operands".into()),
    }
}

fn view_rule(
    view: &View,
    x: &[usize],
    needed: impl Fn() -> Result<Vec<usize>, String>,
) -> Result<Vec<usize>, String> {
    let extent =
        |axis: usize| x.get(axis).copied().ok_or_else(|| format!("{x:?} has no axis {axis}"));
    let replaced = |axis: usize, extent: usize| {
        x.iter()
            .enumerate()
            .map(|(at, &old)| if at == axis { extent } else { old })
            .collect::<Vec<_>>()
    };
    match view {
        View::Reshape => {
            let shape = needed()?;
            if volume(&shape)? != volume(x)? {
                return Err(format!(
                    "{x:?} cannot be reshaped to {shape:?}: the element counts differ"
                ));
            }
            Ok(shape)
        }
        View::Transpose(permutation) => {
            let mut sorted = permutation.clone();
            sorted.sort_unstable();
            if !sorted.iter().copied().eq(0..x.len()) {
                return Err(format!("{permutation:?} is not a permutation of the axes of {x:?}"));
            }
            permutation.iter().map(|&axis| extent(axis)).collect()
        }
        View::Broadcast => {
            let shape = needed()?;
            match broadcast(x, &shape) {
                Some(result) if result == shape => Ok(shape),
                _ => Err(format!("{x:?} does not broadcast to {shape:?}")),
            }
        }
        View::Slice { axis, start, step } => {
            let shape = needed()?;
            let length = extent(*axis)?;
            let count = shape.get(*axis).copied().unwrap_or(0);
            let last = count
                .checked_sub(1)
                .and_then(|steps| isize::try_from(steps).ok())
                .and_then(|steps| steps.checked_mul(*step))
                .and_then(|reach| start.checked_add_signed(reach));
            let inside = *start < length && last.is_some_and(|last| last < length) && *step != 0;
            if !inside || replaced(*axis, count) != shape {
                return Err(format!("slice {view:?} of {x:?} does not give {shape:?}"));
            }
            Ok(shape)
        }
        View::Select { axis, indices } => {
            let length = extent(*axis)?;
            if let Some(index) = indices.iter().find(|&&index| index >= length) {
                return Err(format!("index {index} is outside axis {axis} of {x:?}"));
            }
            Ok(replaced(*axis, indices.len()))
        }
        View::Pad { amounts, value } => {
            if amounts.len() != x.len() || !value.is_finite() {
                return Err(format!("padding {amounts:?} with {value} does not fit {x:?}"));
            }
            let padded = x.iter().zip(amounts).map(|(&extent, &(before, after))| {
                extent.checked_add(before).and_then(|sum| sum.checked_add(after))
            });
            padded.collect::<Option<_>>().ok_or_else(|| format!("padding {amounts:?} overflows"))
        }
        View::Concat(axis) => concat(*axis, &[x]),
    }
}

fn matrix_product(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let misfit = || format!("matrices {a:?} and {b:?} cannot be multiplied");
    let ([lead_a @ .., m, k], [lead_b @ .., k_b, n]) = (a, b) else {
        return Err(misfit());
    };
    if k != k_b {
        return Err(misfit());
    }
    let mut shape = broadcast(lead_a, lead_b).ok_or_else(misfit)?;
    shape.extend([*m, *n]);
    Ok(shape)
}

fn concat(axis: usize, parts: &[&[usize]]) -> Result<Vec<usize>, String> {
    let misfit = || format!("shapes {parts:?} cannot be joined along axis {axis}");
    let (first, rest) = parts.split_first().ok_or_else(misfit)?;
    let mut shape = first.to_vec();
    let total = shape.get_mut(axis).ok_or_else(misfit)?;
    for part in rest {
        let same = part.len() == first.len()
            && (0..part.len()).all(|at| at == axis || part[at] == first[at]);
        let extent = part.get(axis).filter(|_| same).ok_or_else(misfit)?;
        *total = total.checked_add(*extent).ok_or_else(misfit)?;
    }
    Ok(shape)
}

fn image(x: &[usize]) -> Result<[usize; 4], String> {
    match <[usize; 4]>::try_from(x) {
        Ok(shape @ [1, ..]) => Ok(shape),
        _ => Err(format!("operand {x:?} is not [1, channels, height, width]")),
    }
}

fn with_last(x: &[usize], extent: usize) -> Vec<usize> {
    let mut shape = x.to_vec();
    if let Some(last) = shape.last_mut() {
        *last = extent;
    }
    shape
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array4};

    use super::*;
    use crate::Window;

    #[test]
    fn broadcasts_like_numpy() {
        assert_eq!(broadcast(&[2, 1, 3], &[4, 1]), Some(vec![2, 4, 3]));
        assert_eq!(broadcast(&[], &[5]), Some(vec![5]));
        assert_eq!(broadcast(&[2], &[3]), None);
    }

    #[test]
    fn rejects_a_shape_product_that_overflows() {
        assert!(volume(&[usize::MAX, 2]).is_err());
        assert!(volume(&[1 << 15, 1 << 14]).is_err());
        assert!(volume(&[0]).is_err());
        assert!(volume(&[1; 9]).is_err());
        assert_eq!(volume(&[]), Ok(1));
    }

    #[test]
    fn gives_the_shape_of_a_strided_padded_convolution() {
        let window = Window {
            kernel: [3, 3],
            stride: [2, 1],
            dilation: [1, 2],
            before: [1, 2],
            after: [0, 2],
        };
        let op = Op::Conv { weight: Array4::zeros((6, 2, 3, 3)), bias: None, window, groups: 2 };
        assert_eq!(result(&op, &[&[1, 4, 8, 8]], None), Ok(vec![1, 6, 4, 8]));
        assert!(result(&op, &[&[1, 5, 8, 8]], None).is_err());
        assert!(result(&op, &[&[2, 4, 8, 8]], None).is_err());
    }

    #[test]
    fn rejects_a_pooling_window_on_padding_alone() {
        let window = Window {
            kernel: [1, 2],
            stride: [1, 1],
            dilation: [1, 2],
            before: [0, 1],
            after: [0, 1],
        };
        let op = Op::MaxPool { window };
        assert!(result(&op, &[&[1, 1, 1, 1]], None).is_err());
        assert!(result(&op, &[&[1, 1, 1, 3]], None).is_ok());
    }

    #[test]
    fn rejects_a_slice_that_leaves_its_axis() {
        let slice = |start, step| Op::View(View::Slice { axis: 0, start, step });
        assert!(result(&slice(4, -2), &[&[5]], Some(&[3])).is_ok());
        assert!(result(&slice(3, -2), &[&[5]], Some(&[3])).is_err());
        assert!(result(&slice(3, 1), &[&[5]], Some(&[3])).is_err());
        assert!(result(&slice(0, 0), &[&[5]], Some(&[3])).is_err());
        assert!(result(&slice(1, isize::MAX), &[&[5]], Some(&[3])).is_err());
    }

    #[test]
    fn rejects_a_declared_shape_that_the_rule_contradicts() {
        let op = Op::Dense { weight: Array2::zeros((3, 2)), bias: None };
        assert_eq!(result(&op, &[&[4, 3]], Some(&[4, 2])), Ok(vec![4, 2]));
        assert!(result(&op, &[&[4, 3]], Some(&[4, 3])).is_err());
        assert!(result(&op, &[], None).is_err());
    }

    #[test]
    fn multiplies_matrices_with_broadcast_leading_axes() {
        assert_eq!(result(&Op::MatMul, &[&[2, 1, 3, 4], &[5, 4, 6]], None), Ok(vec![2, 5, 3, 6]));
        assert!(result(&Op::MatMul, &[&[3, 4], &[3, 4]], None).is_err());
    }
}
