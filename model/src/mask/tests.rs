use std::collections::BTreeMap;

use ndarray::{ArrayD, array};

use super::*;
use crate::Unary;

/// Scores `[2, 3]`, flags `[1, 3]`, and a softmax behind what `between` makes of them.
fn model(
    between: impl FnOnce(&mut Model, NodeId, NodeId) -> Result<NodeId, ShapeError>,
) -> Result<Model, ShapeError> {
    let mut model = Model::default();
    let scores = model.push_input("scores", Op::Input, &[2, 3])?;
    let flags = model.push_input("flags", Op::Tokens { vocabulary: 2 }, &[1, 3])?;
    let masked = between(&mut model, scores, flags)?;
    let softmax = model.push("softmax", Op::Softmax, &[masked])?;
    model.outputs.push(("y".into(), softmax));
    model.check().map(|()| model)
}

fn constant(model: &mut Model, name: &str, values: ArrayD<f32>) -> NodeId {
    model.push(name, Op::Constant(values), &[]).unwrap()
}

fn run(model: &Model, scores: [[f32; 3]; 2], flags: [f32; 3]) -> Vec<f32> {
    let inputs = [
        ("scores", ndarray::arr2(&scores).into_dyn()),
        ("flags", ndarray::arr2(&[flags]).into_dyn()),
    ];
    let inputs: BTreeMap<_, _> =
        inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    model.run(&inputs).unwrap().remove(0).iter().copied().collect()
}

#[test]
fn hidden_scores_have_no_weight_whatever_they_are() {
    let model = model(|model, scores, flags| model.push_mask("masked", scores, flags)).unwrap();
    for hidden in [-3.0, 0.0, 1e30] {
        assert_eq!(
            run(&model, [[1.0, hidden, 1.0], [2.0, hidden, 2.0]], [0.0, 1.0, 0.0]),
            [0.5, 0.0, 0.5, 0.5, 0.0, 0.5]
        );
    }
}

/// Equal weights on what no constant hides, also after simplification and with one mask made of
/// both.
#[test]
fn a_row_without_visible_scores_has_equal_weights() {
    let build = |model: &mut Model, scores, flags| {
        let visible = constant(model, "visible", array![[1.0, 1.0, 0.0]].into_dyn());
        let one = constant(model, "one", array![[1.0]].into_dyn());
        let shown = model.push("shown", Op::Sub, &[one, flags])?;
        let shown = model.push("both", Op::Mul, &[shown, visible])?;
        let hidden = model.push("hidden", Op::Sub, &[one, shown])?;
        model.push_mask("masked", scores, hidden)
    };
    let model = model(build).unwrap();
    let softmax = NodeId(model.nodes.len() - 1);
    assert_eq!(
        model.always_hidden(softmax).unwrap(),
        array![[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]].into_dyn()
    );
    assert_eq!(model.masks_before(softmax).len(), 2);
    for model in [model.clone(), model.simplify().unwrap()] {
        assert_eq!(run(&model, [[5.0, -2.0, 7.0]; 2], [1.0; 3]), [0.5, 0.5, 0.0, 0.5, 0.5, 0.0]);
        assert_eq!(
            run(&model, [[5.0, -2.0, 7.0]; 2], [1.0, 0.0, 0.0]),
            [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
        );
    }
}

#[test]
fn a_mask_moves_with_its_scores() {
    let build = |model: &mut Model, scores, _| {
        let hidden = constant(model, "hidden", array![[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]].into_dyn());
        let masked = model.push_mask("masked", scores, hidden)?;
        let turned = model.push("turned", Op::View(View::Transpose(vec![1, 0])), &[masked])?;
        model.push_shaped(
            "picked",
            Op::View(View::Select { axis: 0, indices: vec![2, 0] }),
            &[turned],
            &[2, 2],
        )
    };
    let model = model(build).unwrap();
    let softmax = NodeId(model.nodes.len() - 1);
    assert_eq!(model.always_hidden(softmax).unwrap(), array![[0.0, 0.0], [0.0, 1.0]].into_dyn());
    assert_eq!(run(&model, [[3.0, 9.0, 1.0], [9.0, 9.0, 1.0]], [0.0; 3]), [0.5, 0.5, 1.0, 0.0]);
}

#[test]
fn scores_are_made_as_wide_as_their_mask() {
    let build = |model: &mut Model, scores, flags| {
        let hidden =
            constant(model, "hidden", array![[[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]].into_dyn());
        let _ = flags;
        model.push_mask("masked", scores, hidden)
    };
    let model = model(build).unwrap();
    assert_eq!(model.nodes.last().unwrap().shape, [2, 2, 3]);
}

#[test]
fn rejects_masked_scores_that_something_else_reads() {
    type Between = fn(&mut Model, NodeId) -> Result<NodeId, ShapeError>;
    let readers: [(&str, Between); 4] = [
        ("relu", |model, masked| model.push("relu", Op::Unary(Unary::Relu), &[masked])),
        ("sum", |model, masked| model.push("sum", Op::Add, &[masked, NodeId(0)])),
        ("wider", |model, masked| {
            model.push("wider", Op::View(View::Concat(0)), &[masked, NodeId(0)])
        }),
        ("mask of masks", |model, masked| {
            model.push("mask of masks", Op::Mask, &[NodeId(0), masked])
        }),
    ];
    for (name, reader) in readers {
        let error = model(|model, scores, flags| {
            let masked = model.push_mask("masked", scores, flags)?;
            reader(model, masked)
        });
        assert_eq!(error.unwrap_err().node, name);
    }
    let mut shown = model(|model, scores, flags| model.push_mask("masked", scores, flags)).unwrap();
    shown.outputs.push(("bare".into(), NodeId(2)));
    assert_eq!(shown.check().unwrap_err().node, "bare");
}

#[test]
fn rejects_a_mask_that_is_not_zeros_and_ones() {
    let refused = |hidden: fn(&mut Model, NodeId) -> NodeId| {
        let built = model(|model, scores, flags| {
            let hidden = hidden(model, flags);
            model.push_mask("masked", scores, hidden)
        });
        assert_eq!(built.unwrap_err().node, "masked");
    };
    refused(|model, _| constant(model, "half", array![[0.5, 0.0, 1.0]].into_dyn()));
    refused(|model, flags| model.push("difference", Op::Sub, &[flags, flags]).unwrap());
    refused(|model, flags| model.push("twice", Op::Add, &[flags, flags]).unwrap());
    refused(|model, _| model.push_input("ids", Op::Tokens { vocabulary: 3 }, &[1, 3]).unwrap());
    refused(|_, _| NodeId(0));
    // Where nothing was asked before, the run says so.
    let half = model(|model, scores, _| {
        let half = constant(model, "half", array![[0.5, 0.0, 1.0]].into_dyn());
        model.push("masked", Op::Mask, &[scores, half])
    });
    let inputs = BTreeMap::from([
        ("scores".to_owned(), ArrayD::zeros(vec![2, 3])),
        ("flags".to_owned(), ArrayD::zeros(vec![1, 3])),
    ]);
    assert!(half.unwrap().run(&inputs).unwrap_err().to_string().contains("0.5"));
}

#[test]
fn rejects_a_row_that_constants_hide_altogether() {
    let build = |model: &mut Model, scores, _| {
        let first = constant(model, "first", array![[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]].into_dyn());
        let rest = constant(model, "rest", array![[0.0, 0.0, 0.0], [0.0, 1.0, 1.0]].into_dyn());
        let masked = model.push_mask("one", scores, first)?;
        model.push_mask("two", masked, rest)
    };
    assert_eq!(model(build).unwrap().simplify().unwrap_err().node, "softmax");
}

#[test]
fn a_constant_is_split_into_what_it_hides_and_a_bias() {
    let split = |row: [f32; 4]| {
        AdditiveMask::of(&ndarray::arr2(&[row]).into_dyn()).map(|mask| (mask.hidden, mask.bias))
    };
    let found = |hidden: [f32; 4], bias: [f32; 4]| {
        Some((ndarray::arr2(&[hidden]).into_dyn(), ndarray::arr2(&[bias]).into_dyn()))
    };
    assert_eq!(split([0.0, -30.0, -99.0, 2.0]), None);
    assert_eq!(
        split([0.5, -30.0, -100.0, -1e9]),
        found([0.0, 0.0, 1.0, 1.0], [0.5, -30.0, 0.0, 0.0])
    );
    assert_eq!(
        split([0.0, f32::NEG_INFINITY, f32::MIN, -1000.0]),
        found([0.0, 1.0, 1.0, 1.0], [0.0; 4])
    );
    // Near numbers are numbers, however low.
    assert_eq!(
        split([-95.0, -105.0, -140.0, -166.0]),
        found([0.0, 0.0, 0.0, 1.0], [-95.0, -105.0, -140.0, 0.0])
    );
    assert_eq!(split([-1e9; 4]), found([1.0; 4], [0.0; 4]));
    assert_eq!(AdditiveMask::of(&ArrayD::from_elem(vec![], -1e9)), None);
}

/// What decides a mask may stand behind any number of nodes.
#[test]
fn flags_are_followed_through_long_chains() {
    let model = model(|model, scores, flags| {
        let mut flags = flags;
        for at in 0..30_000 {
            flags = model.push_new(format!("and {at}"), Op::Mul, &[flags, flags], None)?;
        }
        model.push_mask("masked", scores, flags)
    });
    assert_eq!(
        run(&model.unwrap(), [[1.0, 9.0, 1.0], [2.0, 9.0, 2.0]], [0.0, 1.0, 0.0]),
        [0.5, 0.0, 0.5, 0.5, 0.0, 0.5]
    );
}
