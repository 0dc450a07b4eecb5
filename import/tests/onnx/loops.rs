//! Loops whose number of steps is known.

use std::collections::BTreeMap;
use std::path::Path;

use lemma_import::onnx::{Options, Problem, read};
use ndarray::{ArrayD, array};

use crate::file::{File, int, integers};
use crate::proto::{AttributeProto, AttributeType, DataType, GraphProto};

/// `state * factors[step]` is handed on, and stacked with `step` added; it ends behind step `last`.
fn body(last: i64) -> GraphProto {
    File::new()
        .ids("step", &[])
        .typed_input("on", DataType::Bool, vec![])
        .input("state", &[2])
        .integer("last", last)
        .node("Gather", &["factors", "step"], "factor", &[])
        .node("Mul", &["state", "factor"], "next", &[])
        .node("Cast", &["step"], "number", &[int("to", 1)])
        .node("Add", &["next", "number"], "row", &[])
        .node("Less", &["step", "last"], "again", &[])
        .output("again")
        .output("next")
        .output("row")
        .graph
}

fn graph(graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: "body".into(),
        r#type: AttributeType::Graph as i32,
        g: Some(graph),
        ..AttributeProto::default()
    }
}

fn looped(steps: &str, condition: &str, body: GraphProto) -> File {
    File::new()
        .input("x", &[2])
        .ids("n", &[])
        .weights("factors", array![2.0, -3.0, 0.5, 4.0].into_dyn())
        .integer("three", 3)
        .integer("many", i64::MAX)
        .booleans("no", &[], &[false])
        .node("Greater", &["x", "x"], "unknown", &[])
        .node_of("", "Loop", &[steps, condition, "x"], &["end", "rows"], &[graph(body)])
        .output("end")
        .output("rows")
}

fn run(file: &File) -> Vec<ArrayD<f32>> {
    let model = read(&file.bytes(), Path::new(""), &Options::default()).unwrap();
    let inputs = [("x", array![1.0, -0.5].into_dyn()), ("n", ndarray::arr0(2.0).into_dyn())];
    model.run(&inputs.map(|(name, value)| (name.to_owned(), value)).into()).unwrap()
}

fn refused(file: &File) -> String {
    read(&file.bytes(), Path::new(""), &Options::default()).unwrap_err().to_string()
}

#[test]
fn a_loop_is_its_body_once_for_each_step() {
    let found = run(&looped("three", "", body(99)));
    assert_eq!(found[0], array![-3.0, 1.5].into_dyn());
    assert_eq!(found[1], array![[2.0, -1.0], [-5.0, 4.0], [-1.0, 3.5]].into_dyn());
}

#[test]
fn a_loop_ends_when_its_condition_fails() {
    for steps in ["three", "many", ""] {
        let found = run(&looped(steps, "", body(1)));
        assert_eq!(found[0], array![-6.0, 3.0].into_dyn(), "{steps}");
        assert_eq!(found[1], array![[2.0, -1.0], [-5.0, 4.0]].into_dyn());
    }
    let never = looped("three", "no", body(99));
    let mut kept = never.clone();
    kept.graph.output.remove(1);
    kept.graph.node[1].output[1].clear();
    assert!(refused(&never).contains("no steps"));
}

#[test]
fn what_is_not_known_is_refused() {
    assert!(refused(&looped("n", "", body(99))).contains("number of steps depends on an input"));
    let condition = refused(&looped("three", "unknown", body(99)));
    assert!(condition.contains("condition depends on an input"), "{condition}");
    let mut inside = body(99);
    inside.output[0].name = "open".into();
    inside.node.extend(File::new().node("Greater", &["state", "next"], "open", &[]).graph.node);
    let condition = refused(&looped("three", "", inside));
    assert!(condition.contains("condition depends on an input"), "{condition}");
    let mut short = body(99);
    short.output.truncate(1);
    assert!(refused(&looped("three", "", short)).contains("has not the inputs and outputs"));
}

/// A file of a few bytes does not become a model without end.
#[test]
fn steps_are_bounded() {
    let mut endless = body(i64::MAX);
    endless.node.remove(0);
    endless.initializer.push(integers("factor", &[], &[1]));
    endless.node[0].input[0] = "number".into();
    endless.node[0].input[1] = "number".into();
    endless.node.rotate_left(1);
    let problem =
        read(&looped("many", "", endless).bytes(), Path::new(""), &Options::default()).unwrap_err();
    let bounded = matches!(problem, Problem::Unsupported { .. } | Problem::Budget { .. });
    assert!(bounded && problem.to_string().contains("steps"), "{problem}");
}

#[test]
fn loops_inside_loops() {
    let inner = File::new()
        .ids("inner step", &[])
        .typed_input("inner on", DataType::Bool, vec![])
        .input("inner state", &[2])
        .node("Add", &["inner state", "x"], "inner next", &[])
        .node("Identity", &["inner on"], "inner again", &[])
        .output("inner again")
        .output("inner next")
        .graph;
    let outer = File::new()
        .ids("step", &[])
        .typed_input("on", DataType::Bool, vec![])
        .input("state", &[2])
        .node_of("", "Loop", &["three", "", "state"], &["next"], &[graph(inner)])
        .node("Identity", &["on"], "again", &[])
        .output("again")
        .output("next")
        .graph;
    let file = File::new()
        .input("x", &[2])
        .integer("three", 3)
        .node_of("", "Loop", &["three", "", "x"], &["y"], &[graph(outer)])
        .output("y");
    let model = read(&file.bytes(), Path::new(""), &Options::default()).unwrap();
    let x = BTreeMap::from([("x".to_owned(), array![1.0, -2.0].into_dyn())]);
    assert_eq!(model.run(&x).unwrap(), [array![10.0, -20.0].into_dyn()]);
}
