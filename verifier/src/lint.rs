//! The rules that a verifying key must pass before it is used ("Keys" in docs/protocol.md). One
//! function serves setup, loading and the generation of a contract.
//!
//! Why each pair must differ, also up to sign:
//! - `gamma = delta1 = delta2`: the right side of the equation is
//!   `e(alpha, beta) e(IC(x) + C1 + C2, gamma)`, so `A = alpha, B = beta, C2 = -IC(x) - C1` passes
//!   for any statement, without a witness. Equal generators are the mark of a setup whose second
//!   phase was skipped.
//! - `gamma` equal to one delta: the prover moves the public part into that commitment.
//! - `delta1 = delta2`: only `C1 + C2` matters, so wires of round 1 move into C2 and are chosen
//!   after the challenge; every lookup and every product check falls.
//! - `beta` equal to any of them, or to the generator: a trapdoor is then known in relation to
//!   another.
//! - two equal `IC`: the challenge and the folded statement are interchangeable.
//!
//! Not covered: a relation that cannot be seen from the points (`gamma = 2 delta1`). Only the setup
//! can rule it out.

use std::collections::BTreeSet;

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;

use crate::error::{LintError, PointError};
use crate::key::KeyParts;
use crate::point::{check_g1, check_g2};
use crate::private::PrivateInput;
use crate::signature::{Labels, MAX_ENTRIES, MAX_FRACTIONAL_BITS, TensorSignature};

/// Checks all rules.
///
/// # Errors
/// The first rule that `parts` breaks.
pub fn lint(parts: &KeyParts) -> Result<(), LintError> {
    if parts.model.is_empty() {
        return Err(LintError::UnnamedModel);
    }
    let tensors = lint_signature(&parts.signature, &parts.private_inputs)?;
    if tensors != parts.public_values {
        return Err(LintError::PublicValueCount { declared: parts.public_values, tensors });
    }
    // The points last, since they are what takes time.
    let [ic0, ic1, ic2] = parts.ic;
    let g1 = [("alpha1", parts.alpha1), ("ic0", ic0), ("ic1", ic1), ("ic2", ic2)];
    let g2 = [
        ("beta2", parts.beta2),
        ("gamma2", parts.gamma2),
        ("delta1_2", parts.delta1_2),
        ("delta2_2", parts.delta2_2),
    ];
    for (name, point) in &g1 {
        check_g1(point).map_err(named(name))?;
    }
    for (name, point) in &g2 {
        check_g2(point).map_err(named(name))?;
    }
    unrelated(g1.into_iter().chain([("the generator of G1", G1Affine::generator())]))?;
    unrelated(g2.into_iter().chain([("the generator of G2", G2Affine::generator())]))?;
    Ok(())
}

/// No two points have the same x-coordinate: on a curve `y^2 = f(x)` that is equality up to sign.
fn unrelated<P: AffineRepr>(
    points: impl Iterator<Item = (&'static str, P)> + Clone,
) -> Result<(), LintError> {
    let mut rest = points;
    while let Some((first, point)) = rest.next() {
        if let Some((second, _)) = rest.clone().find(|(_, other)| point.x() == other.x()) {
            return Err(LintError::Related { first, second });
        }
    }
    Ok(())
}

fn named(point: &'static str) -> impl Fn(PointError) -> LintError {
    move |reason| LintError::Point { point, reason }
}

/// Checks what a key says about tensors, shown and private, and returns its number of public
/// values.
fn lint_signature(
    signature: &[TensorSignature],
    private: &[PrivateInput],
) -> Result<u64, LintError> {
    let mut names = BTreeSet::new();
    let mut total = 0u64;
    for (index, tensor) in signature.iter().enumerate() {
        if tensor.name.is_empty() {
            return Err(LintError::UnnamedTensor { index });
        }
        if !names.insert((tensor.role.is_input(), &tensor.name)) {
            return Err(LintError::DuplicateTensor {
                role: tensor.role.name(),
                name: tensor.name.clone(),
            });
        }
        lint_numbers(&tensor.name, tensor.fractional_bits, (tensor.low, tensor.high))?;
        lint_labels(tensor)?;
        total = tensor
            .public_values()
            .and_then(|entries| total.checked_add(entries))
            .filter(|total| *total <= MAX_ENTRIES)
            .ok_or_else(|| LintError::TensorTooLarge {
                tensor: tensor.name.clone(),
                limit: MAX_ENTRIES,
            })?;
    }
    for (index, input) in private.iter().enumerate() {
        if input.name.is_empty() {
            return Err(LintError::UnnamedTensor { index: signature.len().saturating_add(index) });
        }
        if !names.insert((true, &input.name)) {
            return Err(LintError::DuplicateTensor { role: "input", name: input.name.clone() });
        }
        lint_numbers(&input.name, input.fractional_bits, (input.low, input.high))?;
        input.entries().ok_or_else(|| LintError::TensorTooLarge {
            tensor: input.name.clone(),
            limit: MAX_ENTRIES,
        })?;
    }
    Ok(total)
}

fn lint_numbers(
    tensor: &str,
    fractional_bits: i32,
    (low, high): (i64, i64),
) -> Result<(), LintError> {
    let tensor = || tensor.to_owned();
    if fractional_bits.unsigned_abs() > MAX_FRACTIONAL_BITS.unsigned_abs() {
        return Err(LintError::FractionalBits {
            tensor: tensor(),
            found: fractional_bits,
            limit: MAX_FRACTIONAL_BITS,
        });
    }
    if low > high {
        return Err(LintError::EmptyRange { tensor: tensor(), low, high });
    }
    Ok(())
}

fn lint_labels(tensor: &TensorSignature) -> Result<(), LintError> {
    let (expected, found) = match &tensor.labels {
        Labels::None => return Ok(()),
        Labels::Entries(names) => (tensor.shape.last().map_or(1, |last| *last as u64), names.len()),
        Labels::Values(names) => {
            if tensor.low != 0 || tensor.fractional_bits != 0 {
                return Err(LintError::LabelledValues {
                    tensor: tensor.name.clone(),
                    low: tensor.low,
                    fractional_bits: tensor.fractional_bits,
                });
            }
            (tensor.high.unsigned_abs().saturating_add(1), names.len())
        }
    };
    if expected != found as u64 {
        return Err(LintError::LabelCount { tensor: tensor.name.clone(), expected, found });
    }
    Ok(())
}
