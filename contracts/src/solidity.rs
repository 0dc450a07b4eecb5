//! The source of the contract.
//!
//! The template is `template/Verifier.sol`; what depends on the key is the name, a comment and the
//! words of the key. Names of models and tensors come from outside: they appear in comments only,
//! in printable ASCII and in quotes, so that they can neither end the comment nor be read as what
//! stands beside them. The contract's own name keeps of the model's only letters and digits.

use std::fmt::Write as _;

use lemma_verifier::visible::comment;
use lemma_verifier::{PrivateInput, TensorSignature, VerifyingKey};

use crate::error::ContractError;
use crate::words::key_words;

const TEMPLATE: &str = include_str!("../template/Verifier.sol");

/// Characters of an outside name that a comment shows, and that the contract's name takes of the
/// model's.
const SHOWN: usize = 60;

/// Choices that the key does not make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Name of the contract; `None` for one made from the model's name. A development key puts
    /// `Development` before it.
    pub contract_name: Option<String>,
}

/// The Solidity source (pragma ^0.8.24) of a contract that verifies proofs for `key`.
///
/// A [`VerifyingKey`] exists only when the key has passed the lint, so a bad key never becomes a
/// contract.
///
/// # Errors
/// When the name is unusable or the key has too many public tensors.
pub fn solidity(key: &VerifyingKey, options: &Options) -> Result<String, ContractError> {
    let parts = key.parts();
    let name = contract_name(key, options)?;
    let words = key_words(key)?;
    let last = words.len().saturating_sub(1);
    let mut literal = String::new();
    for (index, word) in words.iter().enumerate() {
        let end = if index == last { ";" } else { "" };
        let _ = writeln!(
            literal,
            "        hex\"{}\"{end} // {}",
            hex::encode(word.bytes),
            word.meaning
        );
    }
    let mut tensors = String::new();
    let mut first = 0u64;
    for tensor in &parts.signature {
        let _ = writeln!(tensors, "//     {first:>6}      {}", describe(tensor));
        first = first.saturating_add(tensor.public_values().unwrap_or_default());
    }
    for input in &parts.private_inputs {
        let _ = writeln!(tensors, "//     private     {}", describe_private(input));
    }
    let warning = if parts.development { WARNING } else { "" };
    let source = TEMPLATE
        .replace("{{VERSION}}", env!("CARGO_PKG_VERSION"))
        .replace("{{CIRCUIT}}", &parts.circuit_digest().to_string())
        .replace("{{DIGEST}}", &key.digest().to_string())
        .replace("{{COUNT}}", &parts.public_values.to_string())
        .replace("{{CONTRACT}}", &name)
        .replace("{{WARNING}}", warning)
        .replace("        {{KEY}}\n", &literal)
        .replace("{{TENSORS}}", &tensors)
        .replace("{{MODEL}}", &shown(&parts.model));
    Ok(source)
}

const WARNING: &str = "\
//
// DEVELOPMENT KEY. One machine made this key. Whoever ran that setup could have kept the \
trapdoor, and with it prove
// anything. Do not let value depend on this contract.
";

/// The name of the contract for `key`.
///
/// # Errors
/// When the name is unusable.
pub fn contract_name(key: &VerifyingKey, options: &Options) -> Result<String, ContractError> {
    let mut name = match &options.contract_name {
        Some(name) => name.clone(),
        None => format!("{}Verifier", pascal_case(&key.parts().model)),
    };
    let usable = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    if !usable {
        return Err(ContractError::Name { name });
    }
    if TEMPLATE.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name) {
        return Err(ContractError::NameTaken { name });
    }
    if key.parts().development && !name.starts_with("Development") {
        name.insert_str(0, "Development");
    }
    Ok(name)
}

/// The ASCII letters and digits of `text`, with a capital where a word begins, shortened.
fn pascal_case(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.extend(letters);
    }
    if !out.starts_with(|first: char| first.is_ascii_uppercase()) {
        out.insert_str(0, "Model");
    }
    out.truncate(SHOWN);
    out
}

fn describe(tensor: &TensorSignature) -> String {
    let TensorSignature { name, role, shape, fractional_bits, low, high, .. } = tensor;
    let (role_name, name, shape) = (role.name(), shown(name), shortened(format!("{shape:?}")));
    if role.is_committed() {
        return format!("digest of {role_name} {name} {shape}, {fractional_bits} fractional bits");
    }
    format!("{role_name} {name} {shape}, {low} to {high}, {fractional_bits} fractional bits")
}

fn describe_private(input: &PrivateInput) -> String {
    let PrivateInput { name, shape, fractional_bits, low, high } = input;
    let shape = shortened(format!("{shape:?}"));
    format!("input {} {shape}, {low} to {high}, {fractional_bits} fractional bits", shown(name))
}

/// Fit for a comment, shortened, in quotes.
fn shown(text: &str) -> String {
    format!("\"{}\"", shortened(comment(text)))
}

/// The beginning of a text in ASCII, where any place is between two characters.
fn shortened(text: String) -> String {
    if text.len() > SHOWN { format!("{}...", &text[..SHOWN]) } else { text }
}
