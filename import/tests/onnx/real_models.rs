//! Trained models: the importer agrees with onnxruntime, and the lowered graph has the shape one
//! expects.

use lemma_import::onnx::Options;
use lemma_model::{Model, Norm, NormForm, Op};
use lemma_quantizer::data::Samples;

use lemma_testkit::model_file;

use crate::support::agrees_with_reference;

fn check(file: &str, options: Options) -> Option<Model> {
    let path = model_file(file)?;
    let model = agrees_with_reference(&path, &options, 1e-4);
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
        Op::Norm(norm) => return format!("Norm {:?}", norm.form),
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

/// The weights came with a test accuracy of 90.39% on all 10,000 images; these are the first 1,000.
#[test]
fn lenet_classifies_the_test_images() {
    let model = or_skip!(check("lenet_fashion/model.onnx", Options::default()));
    let samples = Samples::read(&or_skip!(model_file("lenet_fashion/test_1000.npz"))).unwrap();
    assert_eq!(samples.count(&model.input_ports()).unwrap(), 1000);
    let labels = samples.labels("label").unwrap();
    let right = (0..1000).filter(|&index| {
        let logits = &model.run(&samples.sample(index, &model.input_ports()).unwrap()).unwrap()[0];
        let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        best == labels[index]
    });
    let right = right.count();
    println!("{right} of 1000");
    assert!(right >= 890, "{right} of 1000");
}

#[test]
fn mnist_cnn_zkml() {
    or_skip!(check("mnist_cnn_zkml/mnist_cnn.onnx", Options::default()));
}

#[test]
fn sms_spam_transformer() {
    let model = or_skip!(check(
        "sms_spam_tx/model.onnx",
        Options { tokens: Some(64), ..Options::default() }
    ));
    assert_eq!(count(&model, |op| matches!(op, Op::Tokens { .. })), 1);
}

#[test]
fn nanogpt_shakespeare() {
    let model = or_skip!(check(
        "nanogpt_shakespeare/model.onnx",
        Options { tokens: Some(64), ..Options::default() }
    ));
    assert_eq!(count(&model, |op| matches!(op, Op::Norm(Norm { form: NormForm::Layer, .. }))), 9);
    assert_eq!(count(&model, |op| matches!(op, Op::Softmax)), 4);
}
