//! The compiled contract for a key, without a compiler.
//!
//! The source holds the key as one `bytes` constant. The legacy pipeline of solc puts a constant of
//! more than 32 bytes behind the code and copies it to memory from there, so the code itself is the
//! same for all keys, except where it says how long the constant is:
//!
//! ```text
//! creation code = code || key words         (the constant of the source)
//! LENGTHS       = positions in the code of 16-bit lengths, which grow by 32 a public tensor
//! runtime code  = creation code from RUNTIME_AT
//! ```
//!
//! (Words in PUSH instructions would not do: solc shortens those that begin with zeros, which a
//! fair part of all keys has, and then every jump moves.) `golden/verifier.rs` holds the code as
//! solc 0.8.37 makes it with the optimizer on, 10,000 runs, `viaIR` off, EVM version cancun, and no
//! metadata. A test with the compiler checks that for keys with different numbers of tensors, with
//! leading zeros and without, these are the compiler's bytes.

use lemma_verifier::VerifyingKey;

use crate::error::ContractError;
use crate::words::{FIXED_WORDS, key_words};

include!("../golden/verifier.rs");

/// Bytes with which the contract for `key` is deployed: what solc makes of
/// [`solidity`](crate::solidity()) with the settings above.
///
/// # Errors
/// When the key has too many public tensors.
pub fn creation_code(key: &VerifyingKey) -> Result<Vec<u8>, ContractError> {
    let mut code = hex::decode(CODE).unwrap_or_default();
    let words = key_words(key)?;
    let growth = words.len().saturating_sub(FIXED_WORDS).saturating_mul(32);
    for at in LENGTHS {
        if let Some(length) = code.get_mut(*at..).and_then(|tail| tail.first_chunk_mut::<2>()) {
            let grown = usize::from(u16::from_be_bytes(*length)).saturating_add(growth);
            *length = u16::try_from(grown).unwrap_or(u16::MAX).to_be_bytes();
        }
    }
    code.extend(words.iter().flat_map(|word| word.bytes));
    Ok(code)
}

/// Bytes of the deployed contract for `key`: what `eth_getCode` returns for a contract that is
/// exactly this one.
///
/// # Errors
/// When the key has too many public tensors.
pub fn runtime_code(key: &VerifyingKey) -> Result<Vec<u8>, ContractError> {
    Ok(creation_code(key)?.split_off(RUNTIME_AT))
}
