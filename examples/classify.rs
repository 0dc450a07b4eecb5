//! Proves one inference of a compiled model and verifies it, as two parties would.
//!
//! `lemma demo --keep compiled`, then
//! `cargo run --release --example classify -- compiled models/lenet_fashion/test_1000.npz`.

use lemma::{Context, Folder, PreparedKey, Samples};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = Folder::new(arguments.next().unwrap_or("compiled".into()));
    let data = arguments.next().unwrap_or("models/lenet_fashion/test_1000.npz".into());

    // The prover holds the weights and the image.
    let package = folder.package()?;
    let key = folder.proving_key(&package)?;
    let inputs = package.inputs(&Samples::read(data.as_ref())?, 0)?;
    let context = Context::of(b"order 66");
    let proven = package.prove(&key, &inputs, context, &())?;

    // The verifier holds the verifying key, and gets 320 bytes and the public values.
    let key = PreparedKey::new(folder.verifying_key()?);
    let verified = key.verify(&proven.values, context, &proven.proof)?;
    for tensor in &verified.statement().tensors {
        println!("{}: {:?}", tensor.signature.name, tensor.readable());
    }
    Ok(())
}
