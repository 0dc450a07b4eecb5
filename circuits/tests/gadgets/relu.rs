//! ReLU, plain, leaky and of a rescaled operand.

use lemma_graph::{Graph, Interval, Leak, Op};

use crate::support::{Case, WIDE, compile, graph, honest, int, refused};

fn relu() -> Graph {
    graph(
        Interval { low: -64, high: 64 },
        &[2],
        Op::Relu { shift: 0, bits: 6, leak: Leak::none() },
        2,
    )
}

pub fn cases() -> Vec<Case> {
    let plain = Case::new("relu", relu(), &[&[-5, 7]], &[0, 7])
        .forged("the negative side taken for the positive", &["lookup.sum"], |f| {
            f.wire("relu.positive", |v| v[0] = int(-5))
        })
        .forged("the positive side taken for the negative", &["lookup.sum"], |f| {
            f.wire("relu.positive", |v| v[1] = int(0))
        })
        .forged("a value off both branches", &["relu.product"], |f| {
            f.wire("relu.positive", |v| v[1] = int(8))
        })
        .forged("a value for zero", &["relu.product"], |f| {
            f.inputs(&[&[0, 7]]).wire("relu.positive", |v| v[0] = int(1))
        })
        .forged("an operand past its width", &["lookup.sum"], |f| f.inputs(&[&[64, 0]]))
        .forged("an operand past its width below", &["lookup.sum"], |f| f.inputs(&[&[-64, 0]]));
    let op = Op::Relu { shift: 6, bits: 6, leak: Leak { slopes: [3].into(), bits: 4 } };
    let rescaled = Case::new(
        "leaky relu of rescaled elements",
        graph(WIDE, &[3], op, 3),
        &[&[1000, -97, 31]],
        &[256, -6, 0],
    )
    .forged("a quotient one too low", &["lookup.sum"], |f| {
        f.wire("quotient.remainder", |v| v[0] += int(64))
    })
    .forged("a quotient one too high", &["lookup.sum"], |f| {
        f.wire("quotient.remainder", |v| v[0] -= int(64))
    })
    .forged("a quotient that is a fraction", &["lookup.sum"], |f| {
        f.wire("quotient.remainder", |v| v[0] += int(1))
    });
    vec![plain, rescaled]
}

#[test]
fn every_value_within_the_width_has_its_positive_part() {
    let c = compile(relu());
    for x in -63..=63i64 {
        honest(&c, &[&[x, -x]], &[x.max(0), (-x).max(0)]);
    }
    for x in [64, -64] {
        assert!(c.infer(&[vec![x, 0]]).is_err());
        assert!(refused(&c, &[&[x, 0]]));
    }
}
