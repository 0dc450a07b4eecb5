//! Models of tables, as exporters of scikit-learn and of boosted trees write them, against
//! onnxruntime.

use lemma_import::onnx::{Options, Problem, load};
use lemma_model::Model;

use crate::file::{File, TABULAR, floats_of, int, ints, text, texts};
use crate::proto::{AttributeProto, DataType, TensorProto};
use crate::support::{agrees_on, random_inputs};

const SCORES: [f32; 12] = [0.5, -1.0, 0.25, 0.75, 1.5, -0.5, -0.25, 0.125, 1.0, -0.75, 0.0, 2.0];

/// A classifier of four columns with outputs `y` and `p`.
fn classifier(operator: &str, attributes: &[AttributeProto]) -> File {
    let file =
        File::new().input("x", &[1, 4]).node_of(TABULAR, operator, &["x"], &["y", "p"], attributes);
    file.typed_output("y", DataType::Int64).output("p")
}

fn linear(rows: usize, labels: AttributeProto, transform: &str) -> File {
    let attributes = [
        floats_of("coefficients", &SCORES[..4 * rows]),
        floats_of("intercepts", &[0.1, -0.2, 0.3][..rows]),
        labels,
        int("multi_class", 1),
        text("post_transform", transform),
    ];
    classifier("LinearClassifier", &attributes)
}

/// A node of one operand and one result.
fn node(operator: &str, shape: &[usize], attributes: &[AttributeProto]) -> File {
    File::new().input("x", shape).node_of(TABULAR, operator, &["x"], &["y"], attributes).output("y")
}

/// Two opposite rows, as logistic regression of two classes is exported.
fn opposite() -> File {
    let coefficients = [-0.5, 1.0, -0.25, -0.75, 0.5, -1.0, 0.25, 0.75];
    let attributes = [
        floats_of("coefficients", &coefficients),
        floats_of("intercepts", &[0.25, -0.25]),
        ints("classlabels_ints", &[0, 1]),
        text("post_transform", "LOGISTIC"),
    ];
    let file = File::new().input("x", &[1, 4]).node_of(
        TABULAR,
        "LinearClassifier",
        &["x"],
        &["y", "s"],
        &attributes,
    );
    let file = file.node_of(TABULAR, "Normalizer", &["s"], &["p"], &[text("norm", "L1")]);
    file.typed_output("y", DataType::Int64).output("p")
}

/// Class numbers looked up at the place of the largest score.
fn looked_up() -> File {
    let file =
        File::new().input("x", &[1, 4]).integers("classes", &[3, 5, 9, 11]).integers("flat", &[-1]);
    let file = file.node("ArgMax", &["x"], "place", &[int("axis", 1)]);
    let file =
        file.node_of(TABULAR, "ArrayFeatureExtractor", &["classes", "place"], &["found"], &[]);
    file.node("Reshape", &["found", "flat"], "y", &[]).typed_output("y", DataType::Int64)
}

fn one_hot(categories: &[i64]) -> File {
    let attributes = [ints("cats_int64s", categories), int("zeros", 1)];
    File::new()
        .ids("x", &[1, 2])
        .node_of(TABULAR, "OneHotEncoder", &["x"], &["y"], &attributes)
        .output("y")
}

fn recoded() -> File {
    let attributes = [
        ints("keys_int64s", &[0, 1, 3]),
        ints("values_int64s", &[7, 8, 10]),
        int("default_int64", -5),
    ];
    let file = File::new().input("x", &[1, 4]).node("ArgMax", &["x"], "place", &[int("axis", 1)]);
    file.node_of(TABULAR, "LabelEncoder", &["place"], &["y"], &attributes)
        .typed_output("y", DataType::Int64)
}

/// Two trees and one that is a leaf, of four columns. `worth`: for each of the six leaves an output
/// and a weight.
fn forest(
    operator: &str,
    kind: &str,
    mode: &str,
    worth: &[(i64, f32)],
    attributes: &[AttributeProto],
) -> File {
    let leaves = [(0, 1), (0, 3), (0, 4), (1, 2), (1, 1), (2, 0)];
    let given = || worth.iter().enumerate().map(|(at, worth)| (leaves[at % 6], worth));
    let named = |name: &str| format!("{kind}_{name}");
    let modes = [mode, "LEAF", mode, "LEAF", "LEAF", mode, "LEAF", "LEAF", "LEAF"];
    let own = [
        ints("nodes_treeids", &[0, 0, 0, 0, 0, 1, 1, 1, 2]),
        ints("nodes_nodeids", &[0, 1, 2, 3, 4, 0, 1, 2, 0]),
        ints("nodes_featureids", &[0, 0, 2, 0, 0, 1, 0, 0, 0]),
        texts("nodes_modes", &modes),
        floats_of("nodes_values", &[0.25, 0.0, -0.5, 0.0, 0.0, 0.125, 0.0, 0.0, 0.0]),
        ints("nodes_truenodeids", &[1, 0, 3, 0, 0, 2, 0, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 4, 0, 0, 1, 0, 0, 0]),
        ints("nodes_missing_value_tracks_true", &[0; 9]),
        ints(&named("treeids"), &given().map(|((tree, _), _)| tree).collect::<Vec<_>>()),
        ints(&named("nodeids"), &given().map(|((_, node), _)| node).collect::<Vec<_>>()),
        ints(&named("ids"), &worth.iter().map(|(id, _)| *id).collect::<Vec<_>>()),
        floats_of(&named("weights"), &worth.iter().map(|(_, weight)| *weight).collect::<Vec<_>>()),
    ];
    let attributes = [&own[..], attributes].concat();
    match kind {
        "class" => classifier(operator, &attributes),
        _ if attributes.iter().any(|attribute| attribute.name == "n_targets") => {
            node(operator, &[1, 4], &attributes)
        }
        _ => node(operator, &[1, 4], &[&attributes[..], &[int("n_targets", 1)]].concat()),
    }
}

/// One output's weights at the six leaves.
const WORTH: [(i64, f32); 6] = [(0, 0.4), (0, 0.125), (0, 0.25), (0, 0.3), (0, 0.0625), (0, 0.05)];

fn trees() -> Vec<(&'static str, File)> {
    let classes = |worth: &[(i64, f32)], labels: &[i64], more: &[AttributeProto]| {
        let attributes = [&[ints("classlabels_int64s", labels)], more].concat();
        forest("TreeEnsembleClassifier", "class", "BRANCH_LEQ", worth, &attributes)
    };
    let regressor = |mode: &str, worth: &[(i64, f32)], more: &[AttributeProto]| {
        forest("TreeEnsembleRegressor", "target", mode, worth, more)
    };
    let logistic = [text("post_transform", "LOGISTIC")];
    let signed = WORTH.map(|(id, weight)| (id, weight - 0.2));
    let three: Vec<(i64, f32)> = (0..3)
        .flat_map(|id| {
            WORTH
                .iter()
                .enumerate()
                .map(move |(at, (_, w))| (id, w * ((at + id as usize) % 3) as f32))
        })
        .collect();
    let two = three[..12].to_vec();
    let bases = floats_of("base_values", &[0.5, -0.25, 0.125]);
    let softmax = text("post_transform", "SOFTMAX");
    vec![
        ("trees of two classes", classes(&WORTH, &[0, 1], &[])),
        (
            "trees of two classes, a base",
            classes(&WORTH, &[4, 9], &[floats_of("base_values", &[0.125])]),
        ),
        ("trees of two classes, logistic", classes(&signed, &[0, 1], &logistic)),
        (
            "trees of two classes, probabilities behind a logistic",
            classes(&WORTH, &[0, 1], &logistic),
        ),
        ("trees of three classes", classes(&three, &[0, 1, 2], &[])),
        ("trees of three classes, softmax", classes(&three, &[3, 1, 7], &[softmax.clone(), bases])),
        ("trees, up to", regressor("BRANCH_LEQ", &WORTH, &[])),
        ("trees, less", regressor("BRANCH_LT", &signed, &[])),
        ("trees, more", regressor("BRANCH_GT", &signed, &[floats_of("base_values", &[2.0])])),
        ("trees, at least", regressor("BRANCH_GTE", &signed, &[text("aggregate_function", "SUM")])),
        (
            "trees, average",
            regressor("BRANCH_LEQ", &WORTH, &[text("aggregate_function", "AVERAGE")]),
        ),
        ("trees of two targets", regressor("BRANCH_LEQ", &two, &[int("n_targets", 2)])),
        (
            "trees of two targets, softmax",
            regressor("BRANCH_LEQ", &two, &[int("n_targets", 2), softmax]),
        ),
    ]
}

fn cases() -> Vec<(&'static str, File)> {
    let numbers = |labels: &[i64]| ints("classlabels_ints", labels);
    let regressor = |targets: usize, transform: &str| {
        let attributes = [
            floats_of("coefficients", &SCORES[..4 * targets]),
            floats_of("intercepts", &[0.5, -0.5][..targets]),
            int("targets", targets as i64),
            text("post_transform", transform),
        ];
        node("LinearRegressor", &[1, 4], &attributes)
    };
    let normalizer = |norm: &str| {
        let file = File::new().input("x", &[1, 4]).node("Exp", &["x"], "e", &[]);
        file.node_of(TABULAR, "Normalizer", &["e"], &["y"], &[text("norm", norm)]).output("y")
    };
    let joined = File::new().input("a", &[1, 2]).input("b", &[1, 3]);
    let joined = joined.node_of(
        TABULAR,
        "FeatureVectorizer",
        &["a", "b"],
        &["y"],
        &[ints("inputdimensions", &[2, 3])],
    );
    let chosen = File::new().input("x", &[1, 5]).integers("columns", &[4, 0, 0]);
    let chosen = chosen.node_of(TABULAR, "ArrayFeatureExtractor", &["x", "columns"], &["y"], &[]);
    vec![
        ("three classes", linear(3, numbers(&[0, 1, 2]), "NONE")),
        ("three classes by softmax", linear(3, numbers(&[0, 1, 2]), "SOFTMAX")),
        ("three classes one against the rest", linear(3, numbers(&[4, 2, 9]), "LOGISTIC")),
        ("two classes", linear(2, numbers(&[-1, 1]), "SOFTMAX")),
        ("two classes in one row", linear(1, numbers(&[0, 1]), "NONE")),
        ("two classes in one row, logistic", linear(1, numbers(&[5, 7]), "LOGISTIC")),
        ("two opposite rows", opposite()),
        ("one target", regressor(1, "NONE")),
        ("two targets", regressor(2, "NONE")),
        ("two targets by softmax", regressor(2, "SOFTMAX")),
        (
            "scaler",
            node(
                "Scaler",
                &[1, 3],
                &[floats_of("offset", &[0.5, 1.0, -2.0]), floats_of("scale", &[2.0, 0.1, 30.0])],
            ),
        ),
        (
            "scaler of one number",
            node("Scaler", &[1, 3], &[floats_of("offset", &[0.5]), floats_of("scale", &[2.0])]),
        ),
        ("normalizer 1", normalizer("L1")),
        ("normalizer 2", normalizer("L2")),
        ("normalizer max", normalizer("MAX")),
        ("side by side", joined.output("y")),
        ("columns", chosen.output("y")),
        ("class numbers", looked_up()),
        ("one hot", one_hot(&[0, 1, 2])),
        ("one hot with gaps", one_hot(&[4, 0, 2])),
        ("other labels", recoded()),
    ]
}

#[test]
fn models_of_tables_compute_what_the_reference_computes() {
    let folder = tempfile::tempdir().unwrap();
    let mut failures = vec![];
    for (name, file) in &[cases(), trees()].concat() {
        let path = file.write(folder.path(), &name.replace(' ', "_"));
        if std::panic::catch_unwind(|| agrees_on(&path, &Options::default(), 1e-4, 4)).is_err() {
            failures.push(*name);
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}

fn loaded(file: &File) -> Result<Model, Problem> {
    let folder = tempfile::tempdir().unwrap();
    load(&file.write(folder.path(), "file"), &Options::default()).map_err(|error| error.problem)
}

fn same(a: &File, b: &File) {
    let (a, b) = (loaded(a).unwrap(), loaded(b).unwrap());
    for seed in 0..8 {
        let inputs = random_inputs(&a, seed);
        assert_eq!(a.run(&inputs).unwrap(), b.run(&inputs).unwrap());
    }
}

/// A label that is a text is the place of its class.
#[test]
fn texts_are_places_of_classes() {
    let of_texts = texts("classlabels_strings", &["setosa", "versicolor", "virginica"]);
    same(
        &linear(3, of_texts, "SOFTMAX"),
        &linear(3, ints("classlabels_ints", &[0, 1, 2]), "SOFTMAX"),
    );
    let with = |classes: TensorProto| {
        let mut file = looked_up();
        file.graph.initializer[0] = classes;
        file
    };
    let names = |names: &[&str]| TensorProto {
        name: "classes".into(),
        dims: vec![names.len() as i64],
        data_type: DataType::String as i32,
        string_data: names.iter().map(|name| name.as_bytes().to_vec()).collect(),
        ..TensorProto::default()
    };
    same(
        &with(names(&["a", "b", "c", "d"])),
        &with(crate::file::integers("classes", &[4], &[0, 1, 2, 3])),
    );
    assert!(loaded(&with(names(&["a", "b", "a", "d"]))).is_err(), "two classes of one name");
    assert!(loaded(&with(names(&["a", "b", "c"]))).is_err(), "fewer names than places");
    let mut read = with(names(&["a", "b", "c", "d"]));
    read.graph.node[1].op_type = "Identity".into();
    read.graph.node[1].domain = String::new();
    read.graph.node[1].input.truncate(1);
    assert!(loaded(&read).is_err(), "texts are no numbers");
}

#[test]
fn the_scores_of_a_map_are_its_tensor() {
    let labels = ints("classlabels_int64s", &[0, 1, 2, 3]);
    let mapped = File::new().input("x", &[1, 4]).node("Softmax", &["x"], "s", &[]);
    let plain = mapped.clone().node("Identity", &["s"], "y", &[]).output("y");
    same(&mapped.node_of(TABULAR, "ZipMap", &["s"], &["y"], &[labels]).output("y"), &plain);
}

/// A number that is a bound falls on the side that the mode says.
#[test]
fn a_bound_is_on_one_side() {
    let sums = [
        ("BRANCH_LEQ", 0.4 + 0.0625),
        ("BRANCH_LT", 0.25 + 0.0625),
        ("BRANCH_GTE", 0.4 + 0.3),
        ("BRANCH_GT", 0.125 + 0.3),
    ];
    for (mode, sum) in sums {
        let model = loaded(&forest("TreeEnsembleRegressor", "target", mode, &WORTH, &[])).unwrap();
        let x = ndarray::array![[0.25, 1.0, 1.0, 0.0]].into_dyn();
        let found = model.run(&std::collections::BTreeMap::from([("x".to_string(), x)])).unwrap();
        assert!((found[0][[0, 0]] - (sum + 0.05)).abs() < 1e-6, "{mode}: {}", found[0]);
    }
}

#[test]
fn what_is_no_tree_is_refused() {
    let change = |name: &str, values: &[i64]| {
        let mut file = forest("TreeEnsembleRegressor", "target", "BRANCH_LEQ", &WORTH, &[]);
        let attributes = &mut file.graph.node[0].attribute;
        attributes
            .iter_mut()
            .filter(|attribute| attribute.name == name)
            .for_each(|attribute| attribute.ints = values.to_vec());
        file
    };
    let refused = [
        (change("nodes_truenodeids", &[0, 0, 3, 0, 0, 2, 0, 0, 0]), "in a circle"),
        (
            change("nodes_truenodeids", &[1, 0, 2, 0, 0, 2, 0, 0, 0]),
            "two nodes of tree 0 lead to node 2",
        ),
        (change("nodes_truenodeids", &[9, 0, 3, 0, 0, 2, 0, 0, 0]), "names node 9"),
        (change("nodes_featureids", &[0, 0, 4, 0, 0, 1, 0, 0, 0]), "column 4 of 4"),
        (change("nodes_nodeids", &[0, 1, 2, 3, 3, 0, 1, 2, 0]), "given twice"),
        (change("nodes_nodeids", &[0, 1, 2]), "as many of each"),
        (change("target_nodeids", &[0, 3, 4, 2, 1, 0]), "which is no leaf"),
        (change("target_ids", &[0, 0, 0, 0, 0, 1]), "output 1"),
        (forest("TreeEnsembleRegressor", "target", "BRANCH_EQ", &WORTH, &[]), "BRANCH_EQ"),
        (
            forest(
                "TreeEnsembleRegressor",
                "target",
                "BRANCH_LEQ",
                &WORTH,
                &[text("aggregate_function", "MAX")],
            ),
            "MAX",
        ),
    ];
    for (file, words) in refused {
        let problem = loaded(&file).map(|_| ()).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem}");
    }
}

#[test]
fn what_would_be_read_otherwise_is_refused_with_its_name() {
    let numbers = |labels: &[i64]| ints("classlabels_ints", labels);
    let refused = [
        (linear(3, numbers(&[0, 1]), "NONE"), "3 intercepts for 2 classes"),
        (linear(2, numbers(&[3, 3]), "NONE"), "distinct"),
        (linear(2, numbers(&[0, 1 << 30]), "NONE"), "distinct"),
        (linear(3, texts("classlabels_strings", &["a", "b", "a"]), "NONE"), "same label"),
        (linear(3, numbers(&[0, 1, 2]), "PROBIT"), "PROBIT"),
        (linear(3, numbers(&[0, 1, 2]), "SOFTMAX_ZERO"), "SOFTMAX_ZERO"),
        (linear(1, numbers(&[0, 1]), "SOFTMAX"), "one row"),
        (node("Normalizer", &[1, 4], &[text("norm", "L3")]), "norm L3"),
        (node("Scaler", &[1, 3], &[floats_of("scale", &[1.0, 2.0])]), "2 numbers for 3 columns"),
        (node("Scaler", &[1, 2], &[floats_of("scale", &[f32::NAN, 2.0])]), "NaN"),
        (node("Scaler", &[4, 2], &[floats_of("scale", &[1.0, 2.0])]), "one row"),
        (node("Imputer", &[1, 2], &[floats_of("imputed_value_floats", &[0.0])]), "it replaces 0"),
        (node("SVMClassifier", &[1, 2], &[]), "use a linear model"),
        (node("OneHotEncoder", &[1, 2], &[texts("cats_strings", &["a"])]), "texts"),
        (node("OneHotEncoder", &[1, 2], &[ints("cats_int64s", &[0, 1])]), "integer inputs"),
    ];
    for (file, words) in refused {
        let problem = loaded(&file).map(|_| ()).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem}");
    }
}

/// The names that a file's classes have are the model's, where its first output chooses among them.
#[test]
fn class_names_are_those_of_the_file() {
    let names = |file: &File, outputs: &[&str]| {
        let outputs = outputs.iter().map(|name| (*name).to_owned()).collect();
        let options = Options { outputs, ..Options::default() };
        let folder = tempfile::tempdir().unwrap();
        load(&file.write(folder.path(), "model"), &options).unwrap().classes
    };
    let kinds = ["setosa", "virginica", "versicolor"];
    let named = linear(3, texts("classlabels_strings", &kinds), "SOFTMAX");
    assert_eq!(names(&named, &[]), kinds);
    assert_eq!(names(&named, &["p", "y"]), kinds);
    // Labels that are numbers are shown as such, and scores by the numbers of their labels.
    let numbered = linear(3, ints("classlabels_ints", &[2, 3, 5]), "SOFTMAX");
    assert!(names(&numbered, &[]).is_empty());
    assert_eq!(names(&numbered, &["p"]), ["2", "3", "5"]);
    assert!(names(&linear(3, ints("classlabels_ints", &[0, 1, 2]), "SOFTMAX"), &["p"]).is_empty());
    // A list of texts at the place of the largest.
    let mut listed = looked_up();
    listed.graph.initializer[0] = TensorProto {
        name: "classes".into(),
        dims: vec![4],
        data_type: DataType::String as i32,
        string_data: ["a", "b", "c", "d"].map(|name| name.as_bytes().to_vec()).to_vec(),
        ..TensorProto::default()
    };
    assert_eq!(names(&listed, &[]), ["a", "b", "c", "d"]);
}
