//! Trained models: the importer agrees with tract, and the lowered graph has the shape one expects.

use lemma_quantizer::import::onnx::Options;
use lemma_quantizer::model::{Model, Op};

use crate::support::{agrees_with_tract, shared_models};

fn check(file: &str, options: Options) -> Option<Model> {
    let path = shared_models()?.join(file);
    if !path.is_file() {
        return None;
    }
    let model = agrees_with_tract(&path, &options, 1e-4);
    println!("{file}");
    for (at, node) in model.nodes.iter().enumerate() {
        let inputs: Vec<usize> = node.inputs.iter().map(|id| id.0).collect();
        println!("  {at:4} {:40} {:24} {inputs:?} {:?}", node.name, kind(&node.op), node.shape);
    }
    Some(model)
}

fn kind(op: &Op) -> String {
    let debug = match op {
        Op::Constant(value) => return format!("Constant {:?}", value.shape()),
        Op::Dense { weight, .. } => return format!("Dense {:?}", weight.dim()),
        Op::Conv { weight, .. } => return format!("Conv {:?}", weight.dim()),
        Op::Embedding { table } => return format!("Embedding {:?}", table.dim()),
        Op::LayerNorm { .. } => return "LayerNorm".into(),
        Op::RmsNorm { .. } => return "RmsNorm".into(),
        other => format!("{other:?}"),
    };
    debug.chars().take(60).collect()
}

macro_rules! or_skip {
    ($model:expr) => {
        match $model {
            Some(model) => model,
            None => {
                println!("skipped: the model is not on this machine");
                return;
            }
        }
    };
}

fn count(model: &Model, is: impl Fn(&Op) -> bool) -> usize {
    model.nodes.iter().filter(|node| is(&node.op)).count()
}

#[test]
fn lenet_fashion() {
    let model = or_skip!(check("lenet_fashion/model.onnx", Options::default()));
    assert_eq!(count(&model, |op| matches!(op, Op::Conv { .. })), 2);
    assert_eq!(count(&model, |op| matches!(op, Op::Dense { .. })), 3);
    assert_eq!(count(&model, |op| matches!(op, Op::AveragePool { .. })), 2);
    assert_eq!(count(&model, |op| matches!(op, Op::Constant(_) | Op::Add | Op::Mul)), 0);
}

#[test]
fn mnist_cnn_zkml() {
    or_skip!(check("mnist_cnn_zkml/mnist_cnn.onnx", Options::default()));
}

#[test]
fn sms_spam_transformer() {
    let model = or_skip!(check("sms_spam_tx/model.onnx", Options { tokens: Some(64) }));
    assert_eq!(count(&model, |op| matches!(op, Op::Tokens { .. })), 1);
}

#[test]
fn nanogpt_shakespeare() {
    let model = or_skip!(check("nanogpt_shakespeare/model.onnx", Options { tokens: Some(64) }));
    assert_eq!(count(&model, |op| matches!(op, Op::LayerNorm { .. })), 9);
    assert_eq!(count(&model, |op| matches!(op, Op::Softmax)), 4);
}
