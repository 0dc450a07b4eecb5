//! Dense layers, convolutions, pooling and products of matrices.

use ndarray::linalg::general_mat_mul;
use ndarray::{
    Array1, Array2, Array4, ArrayD, ArrayView2, ArrayView4, ArrayViewD, ArrayViewMut2, Axis, Ix2,
    Ix4, s,
};

use super::super::Window;
use super::shaped;

/// Most elements of the buffer that holds unfolded convolution patches.
const PATCH_ELEMENTS: usize = 1 << 20;

/// `x[.., k] · weight[k, n] + bias[n]`.
pub(super) fn dense(
    x: &ArrayViewD<'_, f32>,
    weight: &Array2<f32>,
    bias: Option<&Array1<f32>>,
) -> Result<ArrayD<f32>, String> {
    let (k, n) = weight.dim();
    let mut shape = x.shape().to_vec();
    let misfit = || format!("an operand {:?} for weights of [{k}, {n}]", x.shape());
    let rows = shape
        .last()
        .filter(|&&last| last == k)
        .and_then(|_| x.len().checked_div(k))
        .ok_or_else(misfit)?;
    let x = x.to_shape((rows, k)).map_err(|_| misfit())?;
    let mut out = match bias {
        Some(bias) => bias
            .broadcast((rows, n))
            .ok_or_else(|| format!("{} biases for {n} channels", bias.len()))?
            .to_owned(),
        None => Array2::zeros((rows, n)),
    };
    general_mat_mul(1.0, &x, weight, 1.0, &mut out);
    if let Some(last) = shape.last_mut() {
        *last = n;
    }
    shaped(&shape, out.into_iter().collect())
}

/// Cross-correlation by unfolding patches, a bounded number of output positions at a time.
pub(super) fn convolve(
    x: &ArrayViewD<'_, f32>,
    weight: &Array4<f32>,
    bias: Option<&Array1<f32>>,
    window: &Window,
    groups: usize,
) -> Result<ArrayD<f32>, String> {
    let image = image(x)?;
    let (_, channels, height, width) = image.dim();
    let (out_channels, per_group, kernel_height, kernel_width) = weight.dim();
    let grouped =
        groups > 0 && channels == per_group * groups && out_channels.is_multiple_of(groups);
    let biased = bias.is_none_or(|bias| bias.len() == out_channels);
    if !grouped || !biased || window.kernel != [kernel_height, kernel_width] {
        return Err(format!(
            "weights {:?} in {groups} groups do not fit an image {:?}",
            weight.shape(),
            x.shape()
        ));
    }
    let [out_height, out_width] = window.output([height, width])?;
    let taps = per_group * kernel_height * kernel_width;
    let positions = out_height * out_width;
    let block = PATCH_ELEMENTS.checked_div(taps).unwrap_or(1).clamp(1, positions);
    let mut out = Array2::<f32>::zeros((out_channels, positions));
    let mut patches = Array2::<f32>::zeros((taps, block));
    let outs = out_channels / groups;
    for group in 0..groups {
        let image = image.slice(s![0, group * per_group..(group + 1) * per_group, .., ..]);
        let kernel = weight.slice(s![group * outs..(group + 1) * outs, .., .., ..]);
        let kernel = kernel.to_shape((outs, taps)).map_err(|error| error.to_string())?;
        for start in (0..positions).step_by(block) {
            let end = (start + block).min(positions);
            let mut patches = patches.slice_mut(s![.., ..end - start]);
            unfold(image, window, start, out_width, patches.view_mut());
            let mut out = out.slice_mut(s![group * outs..(group + 1) * outs, start..end]);
            general_mat_mul(1.0, &kernel, &patches, 0.0, &mut out);
        }
    }
    if let Some(bias) = bias {
        out += &bias.view().insert_axis(Axis(1));
    }
    shaped(&[1, out_channels, out_height, out_width], out.into_iter().collect())
}

/// The operand of a window: `[1, channels, height, width]`.
fn image<'a>(x: &'a ArrayViewD<'_, f32>) -> Result<ArrayView4<'a, f32>, String> {
    let image = x.view().into_dimensionality::<Ix4>().ok().filter(|image| image.dim().0 == 1);
    image.ok_or_else(|| format!("operand {:?} is not [1, channels, height, width]", x.shape()))
}

/// Columns `start..` of the patch matrix `[channel x kernel element, output position]`.
fn unfold(
    image: ndarray::ArrayView3<'_, f32>,
    window: &Window,
    start: usize,
    out_width: usize,
    mut patches: ArrayViewMut2<'_, f32>,
) {
    let (_, height, width) = image.dim();
    let [kernel_height, kernel_width] = window.kernel;
    for (tap, mut row) in patches.rows_mut().into_iter().enumerate() {
        let (channel, element) =
            (tap / (kernel_height * kernel_width), tap % (kernel_height * kernel_width));
        let (tap_y, tap_x) = (element / kernel_width, element % kernel_width);
        for (column, value) in row.iter_mut().enumerate() {
            let (at_y, at_x) = ((start + column) / out_width, (start + column) % out_width);
            let y = window.source(0, at_y, tap_y, height);
            let x = window.source(1, at_x, tap_x, width);
            *value = match (y, x) {
                (Some(y), Some(x)) => image[[channel, y, x]],
                _ => 0.0,
            };
        }
    }
}

/// Average over each window; the divisor is the kernel size or the number of elements that are not
/// padding.
pub(super) fn average_pool(
    x: &ArrayViewD<'_, f32>,
    window: &Window,
    count_padding: bool,
    shape: &[usize],
) -> Result<ArrayD<f32>, String> {
    let all = (window.kernel[0] * window.kernel[1]) as f64;
    pool(x, window, shape, |values| {
        let (sum, count) =
            values.fold((0.0, 0.0), |(sum, count), value| (sum + f64::from(value), count + 1.0));
        (sum / if count_padding { all } else { count }) as f32
    })
}

/// Maximum over each window; padding never wins.
pub(super) fn max_pool(
    x: &ArrayViewD<'_, f32>,
    window: &Window,
    shape: &[usize],
) -> Result<ArrayD<f32>, String> {
    pool(x, window, shape, |values| values.fold(f32::NEG_INFINITY, f32::max))
}

fn pool(
    x: &ArrayViewD<'_, f32>,
    window: &Window,
    shape: &[usize],
    reduce: impl Fn(&mut dyn Iterator<Item = f32>) -> f32,
) -> Result<ArrayD<f32>, String> {
    let x = image(x)?;
    let (_, channels, height, width) = x.dim();
    let [out_height, out_width] = window.output([height, width])?;
    let mut values = Vec::with_capacity(channels * out_height * out_width);
    for channel in 0..channels {
        for at_y in 0..out_height {
            for at_x in 0..out_width {
                let rows =
                    (0..window.kernel[0]).filter_map(|tap| window.source(0, at_y, tap, height));
                let mut elements = rows.flat_map(|y| {
                    let columns =
                        (0..window.kernel[1]).filter_map(|tap| window.source(1, at_x, tap, width));
                    columns.map(move |x| (y, x))
                });
                values.push(reduce(
                    &mut elements.by_ref().map(|(y, column)| x[[0, channel, y, column]]),
                ));
            }
        }
    }
    shaped(shape, values)
}

/// `a · b` over the last two axes, leading axes broadcast.
pub(super) fn matrix_product(
    a: &ArrayViewD<'_, f32>,
    b: &ArrayViewD<'_, f32>,
    shape: &[usize],
) -> Result<ArrayD<f32>, String> {
    let misfit = || format!("matrices {:?} and {:?} do not give {shape:?}", a.shape(), b.shape());
    let [lead @ .., rows, columns] = shape else { return Err(misfit()) };
    let (Some(a), Some(b)) = (broadcast_matrices(a, lead), broadcast_matrices(b, lead)) else {
        return Err(misfit());
    };
    let mut out = Array2::<f32>::zeros((*rows, *columns));
    let mut values = Vec::with_capacity(shape.iter().product());
    for index in ndarray::indices(lead) {
        let index = ndarray::Dimension::slice(&index);
        let (Some(a), Some(b)) = (matrix_at(&a, index), matrix_at(&b, index)) else {
            return Err(misfit());
        };
        if (a.nrows(), b.ncols()) != (*rows, *columns) || a.ncols() != b.nrows() {
            return Err(misfit());
        }
        general_mat_mul(1.0, &a, &b, 0.0, &mut out);
        values.extend(&out);
    }
    shaped(shape, values)
}

/// The matrices of `x`, repeated along the leading axes `lead`.
fn broadcast_matrices<'a>(
    x: &'a ArrayViewD<'_, f32>,
    lead: &[usize],
) -> Option<ArrayViewD<'a, f32>> {
    let [.., rows, columns] = x.shape() else { return None };
    x.broadcast([lead, &[*rows, *columns]].concat())
}

/// The matrix of `x` at a leading index.
fn matrix_at<'a>(x: &'a ArrayViewD<'_, f32>, index: &[usize]) -> Option<ArrayView2<'a, f32>> {
    let mut view = x.view();
    for &at in index {
        view = view.index_axis_move(Axis(0), at);
    }
    view.into_dimensionality::<Ix2>().ok()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, Array4, array};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn random(shape: (usize, usize, usize, usize), rng: &mut ChaCha8Rng) -> Array4<f32> {
        Array::from_shape_fn(shape, |_| rng.gen_range(-1.0..1.0))
    }

    /// The definition, six loops deep.
    fn reference(
        x: &Array4<f32>,
        weight: &Array4<f32>,
        window: &Window,
        groups: usize,
    ) -> Array4<f32> {
        let (_, channels, height, width) = x.dim();
        let (outs, per_group, kernel_height, kernel_width) = weight.dim();
        let [out_height, out_width] = window.output([height, width]).unwrap();
        assert_eq!(channels, per_group * groups);
        Array::from_shape_fn((1, outs, out_height, out_width), |(_, out, at_y, at_x)| {
            let mut sum = 0.0;
            for c in 0..per_group {
                for i in 0..kernel_height {
                    for j in 0..kernel_width {
                        let y = (at_y * window.stride[0] + i * window.dilation[0]) as isize
                            - window.before[0] as isize;
                        let x_at = (at_x * window.stride[1] + j * window.dilation[1]) as isize
                            - window.before[1] as isize;
                        if (0..height as isize).contains(&y) && (0..width as isize).contains(&x_at)
                        {
                            let channel = out / (outs / groups) * per_group + c;
                            sum +=
                                weight[[out, c, i, j]] * x[[0, channel, y as usize, x_at as usize]];
                        }
                    }
                }
            }
            sum
        })
    }

    #[test]
    fn convolution_agrees_with_its_definition() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for (groups, stride, dilation, before, after) in [
            (1, [1, 1], [1, 1], [0, 0], [0, 0]),
            (2, [2, 1], [1, 2], [1, 2], [0, 1]),
            (4, [1, 3], [2, 1], [2, 0], [2, 3]),
        ] {
            let window = Window { kernel: [3, 2], stride, dilation, before, after };
            let x = random((1, 4, 9, 8), &mut rng);
            let weight = random((8, 4 / groups, 3, 2), &mut rng);
            let found = convolve(&x.view().into_dyn(), &weight, None, &window, groups).unwrap();
            let expected = reference(&x, &weight, &window, groups).into_dyn();
            assert!(
                (&found - &expected).iter().all(|error| error.abs() < 1e-5),
                "{window:?} {groups}"
            );
        }
    }

    #[test]
    fn convolution_in_blocks_agrees_with_its_definition() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let window = Window {
            kernel: [3, 3],
            stride: [1, 1],
            dilation: [1, 1],
            before: [1, 1],
            after: [1, 1],
        };
        let x = random((1, 64, 50, 50), &mut rng);
        let weight = random((2, 64, 3, 3), &mut rng);
        let found =
            convolve(&x.view().into_dyn(), &weight, Some(&array![1.0, -1.0]), &window, 1).unwrap();
        let mut expected = reference(&x, &weight, &window, 1);
        expected += &array![1.0, -1.0].to_shape((1, 2, 1, 1)).unwrap();
        assert!((&found - &expected.into_dyn()).iter().all(|error| error.abs() < 1e-3));
    }

    #[test]
    fn pooling_treats_padding_as_documented() {
        let x = array![[[[-1.0, -2.0], [-3.0, -4.0]]]].into_dyn();
        let window = Window {
            kernel: [2, 2],
            stride: [2, 2],
            dilation: [1, 1],
            before: [1, 1],
            after: [1, 1],
        };
        let shape = [1, 1, 2, 2];
        assert_eq!(max_pool(&x.view(), &window, &shape).unwrap(), x);
        assert_eq!(average_pool(&x.view(), &window, false, &shape).unwrap(), x);
        assert_eq!(average_pool(&x.view(), &window, true, &shape).unwrap(), &x / 4.0);
    }

    #[test]
    fn matrix_products_broadcast() {
        let a = Array::from_shape_fn((2, 1, 2, 3), |(i, _, j, k)| (i * 6 + j * 3 + k) as f32)
            .into_dyn();
        let b = Array::from_shape_fn((4, 3, 2), |(i, j, k)| (i * 6 + j * 2 + k) as f32).into_dyn();
        let product = matrix_product(&a.view(), &b.view(), &[2, 4, 2, 2]).unwrap();
        for (i, j) in [(0, 0), (1, 3), (1, 0)] {
            let left = a
                .index_axis(Axis(0), i)
                .index_axis_move(Axis(0), 0)
                .into_dimensionality::<Ix2>()
                .unwrap();
            let right = b.index_axis(Axis(0), j).into_dimensionality::<Ix2>().unwrap();
            let found = product.index_axis(Axis(0), i).index_axis_move(Axis(0), j).to_owned();
            assert_eq!(found, left.dot(&right).into_dyn());
        }
    }

    #[test]
    fn dense_layers_keep_leading_axes() {
        let x = Array::from_shape_fn((2, 3, 2), |(i, j, k)| (i + j + k) as f32)
            .permuted_axes([1, 0, 2]);
        let y = dense(&x.view().into_dyn(), &array![[1.0], [10.0]], Some(&array![0.5])).unwrap();
        assert_eq!(y.shape(), [3, 2, 1]);
        assert_eq!(y[[2, 1, 0]], 3.0 + 40.0 + 0.5);
    }

    #[test]
    fn rejects_operands_that_do_not_fit() {
        let x = Array::from_shape_fn((2, 3), |(i, j)| (i + j) as f32).into_dyn();
        assert!(dense(&x.view(), &Array2::zeros((2, 3)), None).is_err());
        assert!(dense(&x.view(), &Array2::zeros((3, 2)), Some(&array![1.0, 2.0, 3.0])).is_err());
        assert!(matrix_product(&x.view(), &x.view(), &[2, 3]).is_err());
        assert!(matrix_product(&x.view(), &x.t(), &[3, 3]).is_err());
        assert!(matrix_product(&x.view(), &x.t(), &[2]).is_err());
        let window = Window {
            kernel: [2, 2],
            stride: [1, 1],
            dilation: [1, 1],
            before: [0, 0],
            after: [0, 0],
        };
        assert!(max_pool(&x.view(), &window, &[1, 1, 1, 2]).is_err());
        let image = Array4::<f32>::zeros((1, 4, 3, 3)).into_dyn();
        assert!(max_pool(&image.view(), &window, &[1, 4, 3, 3]).is_err());
        assert!(
            average_pool(
                &image.view(),
                &Window { kernel: [5, 5], ..window.clone() },
                false,
                &[1, 4, 1, 1]
            )
            .is_err()
        );
        for (weight, groups) in
            [((2, 3, 2, 2), 1), ((2, 4, 2, 2), 0), ((3, 2, 2, 2), 2), ((2, 4, 3, 2), 1)]
        {
            assert!(
                convolve(&image.view(), &Array4::zeros(weight), None, &window, groups).is_err(),
                "{weight:?}"
            );
        }
    }
}
