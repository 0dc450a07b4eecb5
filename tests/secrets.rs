//! Files from which weights can be read are their owner's alone.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lemma::circuits::Compiled;
use lemma::graph::{Graph, Interval, Op, Port, Visibility};
use lemma::{Folder, Package, Report};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_compiled_model_and_the_proving_key_are_their_owners() {
    let mut graph = Graph::default();
    let x = graph
        .push("x", Op::Input { range: Interval { low: -8, high: 8 } }, &[], &[1, 2], 0)
        .unwrap();
    let y = graph.push("y", Op::Sum([3].into()), &[x], &[1, 2], 0).unwrap();
    graph.inputs.push(Port { name: "x".into(), node: x, visibility: Visibility::Private });
    graph.outputs.push(Port { name: "y".into(), node: y, visibility: Visibility::Public });
    let package = Package::new("m", vec![], Compiled::new(graph).unwrap()).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::new(parent.path());
    let report: Report = serde_json::from_value(serde_json::json!({
        "activation_bits": 12, "headroom": 2.0, "samples": 0, "out_of_range": 0, "first_out_of_range": null, "accuracy": null, "agreement": 1.0,
        "layers": [], "outputs": [], "close_to_edge": [], "no_class": null
    }))
    .unwrap();
    let secret = ["model.lemma", "proving.key"].map(|name| parent.path().join(name));
    // Also where files were there before that others may read.
    for path in &secret {
        std::fs::write(path, "old").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    folder.write_package(&package, &report).unwrap();
    let (proving, verifying) = package.setup(&()).unwrap();
    folder.write_keys(&package, &proving, &verifying).unwrap();
    assert_eq!(secret.each_ref().map(|path| mode(path)), [0o600, 0o600]);
    assert!(folder.proving_key(&folder.package().unwrap()).is_ok());
}
