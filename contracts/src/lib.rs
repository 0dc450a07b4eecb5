//! The verifier as a contract: Solidity generated from a verifying key, the calls that it takes,
//! and the bytecode that a compiler makes of it.
//!
//! | module | subject |
//! |---|---|
//! | [`solidity`](mod@solidity) | the source of the contract |
//! | [`calldata`](mod@calldata) | `verify(bytes32 context, uint256[10] proof, uint256[] values)` as bytes, and back |
//! | [`revert`] | what the contract says when it refuses |
//! | [`bytecode`] | the compiled contract for a key, without a compiler |
//! | [`evm`] | the contract in revm (feature `evm`) |
//! | [`error`] | why a key does not become a contract |
//!
//! For each key the contract accepts a byte string as calldata if and only if [`Call::decode`]
//! parses it and [`Call::verify`] holds; the tests compare the two on thousands of altered calls.
//! It never returns a value: a call that does not revert was proven.
//!
//! Not covered: what a consumer does with a proof. It must build the context itself, from what
//! makes the action unique, and use up the nonce; `solidity/PaymentGate.sol` shows how.

#![forbid(unsafe_code)]

pub mod bytecode;
pub mod calldata;
pub mod error;
#[cfg(feature = "evm")]
pub mod evm;
pub mod revert;
pub mod solidity;
mod words;

pub use bytecode::{creation_code, runtime_code};
pub use calldata::{Call, calldata};
pub use error::ContractError;
pub use revert::Revert;
pub use solidity::{Options, contract_name, solidity};
pub use words::MAX_TENSORS;
