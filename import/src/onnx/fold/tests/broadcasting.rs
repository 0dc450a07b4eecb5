use proptest::prelude::*;

use super::*;

/// The element of `shape` at a position of a larger shape, last axes aligned.
fn element(values: &[i64], shape: &[usize], position: &[usize]) -> i64 {
    let position = &position[position.len() - shape.len()..];
    let at = shape
        .iter()
        .zip(position)
        .fold(0, |at, (&extent, &place)| at * extent + if extent == 1 { 0 } else { place });
    values[at]
}

/// Two shapes that broadcast, and the shape to which they do; axes may be empty.
fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>, Vec<usize>)> {
    let axis = (0usize..4, any::<bool>(), any::<bool>());
    (prop::collection::vec(axis, 0..5), 0usize..5, any::<bool>()).prop_map(
        |(axes, cut, cuts_left)| {
            let common: Vec<usize> =
                axes.iter().map(|&(extent, a, b)| if a && b { 1 } else { extent }).collect();
            let mut left: Vec<usize> = axes
                .iter()
                .zip(&common)
                .map(|(&(_, one, _), &extent)| if one { 1 } else { extent })
                .collect();
            let mut right: Vec<usize> = axes
                .iter()
                .zip(&common)
                .map(|(&(_, _, one), &extent)| if one { 1 } else { extent })
                .collect();
            let cut = cut.min(axes.len());
            // Leading axes of one operand may be missing; the other one then has them.
            let (shorter, longer) =
                if cuts_left { (&mut left, &mut right) } else { (&mut right, &mut left) };
            longer[..cut].copy_from_slice(&common[..cut]);
            shorter.drain(..cut);
            (left, right, common)
        },
    )
}

proptest! {
    #[test]
    fn pairs_are_those_of_an_index_loop((left, right, common) in shapes(), seed in any::<i64>()) {
        let values = |shape: &[usize], seed: i64| -> Vec<i64> {
            (0..shape.iter().product::<usize>() as i64).map(|at| (at + 1).wrapping_mul(seed) % 1000).collect()
        };
        let (a, b) = (values(&left, seed), values(&right, seed ^ 0x5555));
        let mut expected = vec![];
        for at in 0..common.iter().product::<usize>() {
            let mut rest = at;
            let mut position = vec![0; common.len()];
            for axis in (0..common.len()).rev() {
                position[axis] = rest % common[axis];
                rest /= common[axis];
            }
            expected.push((element(&a, &left, &position), element(&b, &right, &position)));
        }
        let differences: Vec<i64> = expected.iter().map(|(a, b)| a - b).collect();
        let less: Vec<i64> = expected.iter().map(|(a, b)| i64::from(a < b)).collect();
        let operands = || (ints(&left, &a), ints(&right, &b));
        let (x, y) = operands();
        assert_ints(&case("Sub", 13).with(x).with(y).one(), &common, &differences);
        let (x, y) = operands();
        assert_whole(&case("Less", 13).with(x).with(y).one(), Kind::Bool, &common, &less);
        let (x, y) = operands();
        let first = flags(&[], &[1]);
        let chosen: Vec<i64> = expected.iter().map(|(a, _)| *a).collect();
        assert_ints(&case("Where", 16).with(first).with(x).with(y).one(), &common, &chosen);
    }
}
