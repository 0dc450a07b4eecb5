//! What a reader may demand of a proof, alone and in a chain.

#[path = "support/decoder.rs"]
mod decoder;
#[path = "support/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::path::Path;

use lemma::circuits::Compiled;
use lemma::generation::{context, fill, generate};
use lemma::graph::{Graph, Interval, Op, Port, Visibility};
use lemma::prover::store::write_verifying_key;
use lemma::{Context, Folder, Package, ProofFile, Salt};
use serde_json::Value;

use decoder::compile;
use program::{fails, json};

/// `<s>`, a space, "th" and "e".
const PROMPT: [u32; 4] = [1, 3, 24, 8];

/// A model that passes ten tokens on, and commits to them.
fn repeater() -> Package {
    let mut graph = Graph::default();
    let x = graph
        .push("x", Op::Input { range: Interval { low: 0, high: 39 } }, &[], &[1, 10], 0)
        .unwrap();
    let y = graph.push("y", Op::Sum([1].into()), &[x], &[1, 10], 0).unwrap();
    graph.inputs.push(Port { name: "x".into(), node: x, visibility: Visibility::Private });
    graph.outputs.push(Port { name: "y".into(), node: y, visibility: Visibility::Committed });
    Package::new("first", vec![], Compiled::new(graph).unwrap()).unwrap()
}

/// A proof that passes the prompt on, and files of generations after it: as the model wrote it, and
/// with a token swapped.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene { folder: tempfile::tempdir().unwrap() };
        compile(&scene.folder.path().join("dec"), &["--committed", "prompt"]);
        json(&["setup", &scene.at("dec")]);
        let folder = Folder::new(scene.at("dec"));
        let (package, first) = (folder.package().unwrap(), repeater());
        let (proving, verifying) = first.setup(&()).unwrap();
        write_verifying_key(&verifying, Path::new(&scene.at("first.key"))).unwrap();
        let ids = generate(&package, &PROMPT, 4, 1, &[]).unwrap();
        let (inputs, _) = fill(&package, &ids, PROMPT.len(), 1, b"").unwrap();
        let salt = Salt::new([7; Salt::BYTES]);
        let salts = std::slice::from_ref(&salt);
        let (proven, _) =
            first.prove_salted(&proving, &inputs[..1], salts, Context::of(b"n"), &()).unwrap();
        scene.write(
            "first.json",
            &ProofFile::new(&verifying, &proven.values, b"n", &proven.proof).unwrap(),
        );
        let key = folder.proving_key(&package).unwrap();
        let salts = package.salts(&BTreeMap::from([("prompt".to_owned(), salt)])).unwrap();
        let prove = |name: &str, inputs: &[Vec<i64>], bytes: &[u8]| {
            let (proven, _) =
                package.prove_salted(&key, inputs, &salts, Context::of(bytes), &()).unwrap();
            scene.write(
                name,
                &ProofFile::new(key.verifying_key(), &proven.values, bytes, &proven.proof).unwrap(),
            );
        };
        let claimed = context(4, 8, b"n");
        prove("honest.json", &inputs, &claimed);
        prove("plain.json", &inputs, b"n");
        let mut swapped = inputs;
        swapped[1][5] = (swapped[1][5] + 1) % 40;
        prove("forged.json", &swapped, &claimed);
        scene
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, file: &ProofFile) {
        std::fs::write(self.at(name), file.to_json().unwrap()).unwrap();
    }

    fn chain(&self, proof: &str, more: &[&str]) -> Vec<String> {
        let [first, key, before, proof] =
            ["first.key", "dec/verifying.key", "first.json", proof].map(|name| self.at(name));
        let arguments = ["verify-chain", "--key", &first, &before, "--key", &key, &proof];
        arguments.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
    }
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn alone_and_in_a_chain_a_proof_is_accepted_for_the_same() {
    let scene = Scene::new();
    let key = scene.at("dec/verifying.key");
    // The proof holds; that the model wrote the text does not.
    let said = fails(3, &["verify", "--key", &key, &scene.at("forged.json")]);
    assert!(said.contains("the model chose"), "{said}");
    let said = fails(3, &borrowed(&scene.chain("forged.json", &[])));
    assert!(said.contains("proof 2") && said.contains("the model chose"), "{said}");
    let told = json(&borrowed(&scene.chain("honest.json", &["--context", "0x6e"])));
    assert_eq!((&told["verified"], &told["generations"][0]), (&Value::Bool(true), &Value::Null));
    let alone = json(&[
        "verify",
        "--key",
        &key,
        "--generation",
        "--context",
        "0x6e",
        &scene.at("honest.json"),
    ]);
    assert_eq!(told["generations"][1], alone["generation"]);
    assert_eq!(alone["generation"]["length"], 8);
    let said = fails(3, &borrowed(&scene.chain("honest.json", &["--context", "0x6f"])));
    assert!(said.contains("proof 1") && said.contains("0x6f is asked for"), "{said}");
    // Without the context of a generation the proof is one of single steps: good, unless a
    // generation is demanded.
    assert!(json(&["verify", "--key", &key, &scene.at("plain.json")])["generation"].is_null());
    let said = fails(3, &["verify", "--key", &key, "--generation", &scene.at("plain.json")]);
    assert!(said.contains("none of a generation"), "{said}");
    let said = fails(
        3,
        &["verify", "--key", &scene.at("first.key"), "--generation", &scene.at("first.json")],
    );
    assert!(said.contains("none of a generation"), "{said}");
}
