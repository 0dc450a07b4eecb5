//! Dense layers, convolutions, pooling and products of matrices.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Array4, ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2, Axis, Ix2, Ix4, s};

use super::super::Window;
use super::shaped;

/// Most elements of the buffer that holds unfolded convolution patches.
const PATCH_ELEMENTS: usize = 1 << 20;

/// `x[.., k] · weight[k, n] + bias[n]`.
pub(super) fn dense(x: ArrayViewD<'_, f32>, weight: &Array2<f32>, bias: Option<&Array1<f32>>) -> ArrayD<f32> {
    let (k, n) = weight.dim();
    let mut shape = x.shape().to_vec();
    let rows = x.len() / k;
    let x = x.to_shape((rows, k)).expect("the last axis is k");
    let mut out = match bias {
        Some(bias) => bias.broadcast((rows, n)).expect("the bias has n elements").to_owned(),
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
    x: ArrayViewD<'_, f32>,
    weight: &Array4<f32>,
    bias: Option<&Array1<f32>>,
    window: &Window,
    groups: usize,
) -> ArrayD<f32> {
    let x = x.into_dimensionality::<Ix4>().expect("an image has four axes");
    let (_, channels, height, width) = x.dim();
    let (out_channels, per_group, _, _) = weight.dim();
    let [out_height, out_width] = window.output([height, width]).expect("the window fits");
    let taps = per_group * window.kernel[0] * window.kernel[1];
    let positions = out_height * out_width;
    let block = (PATCH_ELEMENTS / taps).clamp(1, positions);
    let mut out = Array2::<f32>::zeros((out_channels, positions));
    let mut patches = Array2::<f32>::zeros((taps, block));
    let outs = out_channels / groups;
    for group in 0..groups {
        let image = x.slice(s![0, group * (channels / groups)..(group + 1) * (channels / groups), .., ..]);
        let kernel = weight.slice(s![group * outs..(group + 1) * outs, .., .., ..]);
        let kernel = kernel.to_shape((outs, taps)).expect("the kernel has that many taps");
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
        let (channel, element) = (tap / (kernel_height * kernel_width), tap % (kernel_height * kernel_width));
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

/// Average over each window; the divisor is the kernel size or the number of elements that are not padding.
pub(super) fn average_pool(x: ArrayViewD<'_, f32>, window: &Window, count_padding: bool, shape: &[usize]) -> ArrayD<f32> {
    let all = (window.kernel[0] * window.kernel[1]) as f64;
    pool(x, window, shape, |values| {
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + f64::from(value), count + 1.0));
        (sum / if count_padding { all } else { count }) as f32
    })
}

/// Maximum over each window; padding never wins.
pub(super) fn max_pool(x: ArrayViewD<'_, f32>, window: &Window, shape: &[usize]) -> ArrayD<f32> {
    pool(x, window, shape, |values| values.fold(f32::NEG_INFINITY, f32::max))
}

fn pool(
    x: ArrayViewD<'_, f32>,
    window: &Window,
    shape: &[usize],
    reduce: impl Fn(&mut dyn Iterator<Item = f32>) -> f32,
) -> ArrayD<f32> {
    let x = x.into_dimensionality::<Ix4>().expect("an image has four axes");
    let (_, _, height, width) = x.dim();
    let [_, channels, out_height, out_width] = <[usize; 4]>::try_from(shape).expect("an image has four axes");
    let mut values = Vec::with_capacity(channels * out_height * out_width);
    for channel in 0..channels {
        for at_y in 0..out_height {
            for at_x in 0..out_width {
                let rows = (0..window.kernel[0]).filter_map(|tap| window.source(0, at_y, tap, height));
                let mut elements = rows.flat_map(|y| {
                    let columns = (0..window.kernel[1]).filter_map(|tap| window.source(1, at_x, tap, width));
                    columns.map(move |x| (y, x))
                });
                values.push(reduce(&mut elements.by_ref().map(|(y, column)| x[[0, channel, y, column]])));
            }
        }
    }
    shaped(shape, values)
}

/// `a · b` over the last two axes, leading axes broadcast.
pub(super) fn matrix_product(a: &ArrayViewD<'_, f32>, b: &ArrayViewD<'_, f32>, shape: &[usize]) -> ArrayD<f32> {
    let (lead, matrix) = shape.split_at(shape.len() - 2);
    let mut out = Array2::<f32>::zeros((matrix[0], matrix[1]));
    let mut values = Vec::with_capacity(shape.iter().product());
    for index in ndarray::indices(lead) {
        let index = ndarray::Dimension::slice(&index);
        general_mat_mul(1.0, &matrix_at(a, index), &matrix_at(b, index), 0.0, &mut out);
        values.extend(&out);
    }
    shaped(shape, values)
}

/// The matrix of `x` at a broadcast leading index.
fn matrix_at<'a>(x: &'a ArrayViewD<'_, f32>, index: &[usize]) -> ArrayView2<'a, f32> {
    let mut view = x.view();
    let own = view.ndim() - 2;
    for &at in &index[index.len() - own..] {
        let at = if view.len_of(Axis(0)) == 1 { 0 } else { at };
        view = view.index_axis_move(Axis(0), at);
    }
    view.into_dimensionality::<Ix2>().expect("two axes are left")
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
    fn reference(x: &Array4<f32>, weight: &Array4<f32>, window: &Window, groups: usize) -> Array4<f32> {
        let (_, channels, height, width) = x.dim();
        let (outs, per_group, kernel_height, kernel_width) = weight.dim();
        let [out_height, out_width] = window.output([height, width]).unwrap();
        assert_eq!(channels, per_group * groups);
        Array::from_shape_fn((1, outs, out_height, out_width), |(_, out, at_y, at_x)| {
            let mut sum = 0.0;
            for c in 0..per_group {
                for i in 0..kernel_height {
                    for j in 0..kernel_width {
                        let y = (at_y * window.stride[0] + i * window.dilation[0]) as isize - window.before[0] as isize;
                        let x_at = (at_x * window.stride[1] + j * window.dilation[1]) as isize - window.before[1] as isize;
                        if (0..height as isize).contains(&y) && (0..width as isize).contains(&x_at) {
                            let channel = out / (outs / groups) * per_group + c;
                            sum += weight[[out, c, i, j]] * x[[0, channel, y as usize, x_at as usize]];
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
        for (groups, stride, dilation, before, after) in
            [(1, [1, 1], [1, 1], [0, 0], [0, 0]), (2, [2, 1], [1, 2], [1, 2], [0, 1]), (4, [1, 3], [2, 1], [2, 0], [2, 3])]
        {
            let window = Window { kernel: [3, 2], stride, dilation, before, after };
            let x = random((1, 4, 9, 8), &mut rng);
            let weight = random((8, 4 / groups, 3, 2), &mut rng);
            let found = convolve(x.view().into_dyn(), &weight, None, &window, groups);
            let expected = reference(&x, &weight, &window, groups).into_dyn();
            assert!((&found - &expected).iter().all(|error| error.abs() < 1e-5), "{window:?} {groups}");
        }
    }

    #[test]
    fn convolution_in_blocks_agrees_with_its_definition() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let window = Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], before: [1, 1], after: [1, 1] };
        let x = random((1, 64, 50, 50), &mut rng);
        let weight = random((2, 64, 3, 3), &mut rng);
        let found = convolve(x.view().into_dyn(), &weight, Some(&array![1.0, -1.0]), &window, 1);
        let mut expected = reference(&x, &weight, &window, 1);
        expected += &array![1.0, -1.0].to_shape((1, 2, 1, 1)).unwrap();
        assert!((&found - &expected.into_dyn()).iter().all(|error| error.abs() < 1e-3));
    }

    #[test]
    fn pooling_treats_padding_as_documented() {
        let x = array![[[[-1.0, -2.0], [-3.0, -4.0]]]].into_dyn();
        let window = Window { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], before: [1, 1], after: [1, 1] };
        let shape = [1, 1, 2, 2];
        assert_eq!(max_pool(x.view(), &window, &shape), x);
        assert_eq!(average_pool(x.view(), &window, false, &shape), x);
        assert_eq!(average_pool(x.view(), &window, true, &shape), &x / 4.0);
    }

    #[test]
    fn matrix_products_broadcast() {
        let a = Array::from_shape_fn((2, 1, 2, 3), |(i, _, j, k)| (i * 6 + j * 3 + k) as f32).into_dyn();
        let b = Array::from_shape_fn((4, 3, 2), |(i, j, k)| (i * 6 + j * 2 + k) as f32).into_dyn();
        let product = matrix_product(&a.view(), &b.view(), &[2, 4, 2, 2]);
        for (i, j) in [(0, 0), (1, 3), (1, 0)] {
            let left = a.index_axis(Axis(0), i).index_axis_move(Axis(0), 0).into_dimensionality::<Ix2>().unwrap();
            let right = b.index_axis(Axis(0), j).into_dimensionality::<Ix2>().unwrap();
            let found = product.index_axis(Axis(0), i).index_axis_move(Axis(0), j).to_owned();
            assert_eq!(found, left.dot(&right).into_dyn());
        }
    }

    #[test]
    fn dense_layers_keep_leading_axes() {
        let x = Array::from_shape_fn((2, 3, 2), |(i, j, k)| (i + j + k) as f32).permuted_axes([1, 0, 2]);
        let y = dense(x.view().into_dyn(), &array![[1.0], [10.0]], Some(&array![0.5]));
        assert_eq!(y.shape(), [3, 2, 1]);
        assert_eq!(y[[2, 1, 0]], 3.0 + 40.0 + 0.5);
    }
}
