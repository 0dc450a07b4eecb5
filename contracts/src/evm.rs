//! The contract on the machine: an EVM in memory, without a network or a compiler.
//!
//! The EVM is revm with the precompiles and the gas schedule of the main network.
//! [`Receipt::gas_used`] is what a receipt says: the fixed 21,000, calldata, execution, refunds,
//! and the floor of EIP-7623 from Prague on.

use lemma_verifier::{Context, Proof, PublicValues, VerifyingKey};
use revm::context::result::{ExecutionResult, HaltReason};
use revm::context::{BlockEnv, CfgEnv, Context as EvmContext, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::primitives::{Bytes, TxKind, U256};
use revm::{ExecuteCommitEvm, Journal, MainBuilder, MainContext, MainnetEvm};
use thiserror::Error;

use crate::{ContractError, Revert, calldata, creation_code};

/// An account.
pub type Address = [u8; 20];

/// Gas limit that is enough for every call here: the cap of EIP-7825 on a transaction.
pub const GAS_LIMIT: u64 = 1 << 24;

/// The account that sends every transaction.
pub const SENDER: Address = *b"lemma sender account";

type Database = CacheDB<EmptyDB>;

/// The rules of a hard fork of the main network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fork {
    /// March 2024.
    Cancun,
    /// May 2025: the calldata floor of EIP-7623.
    Prague,
    /// December 2025.
    #[default]
    Osaka,
}

/// Why something cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EvmError {
    /// The key does not become a contract.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The transaction was not executed: too little gas to begin with, or too much.
    #[error("the transaction is invalid: {reason}")]
    Invalid {
        /// By revm.
        reason: String,
    },
    /// A contract that could not be deployed.
    #[error("the contract was not deployed: {outcome:?}")]
    Deployment {
        /// What happened instead.
        outcome: Outcome,
    },
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Normally, with the data returned.
    Success(Vec<u8>),
    /// By a revert, with its data.
    Reverted(Vec<u8>),
    /// Exceptionally, for the reason that revm gives.
    Halted(String),
}

/// An executed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// How it ended.
    pub outcome: Outcome,
    /// What it cost, everything included.
    pub gas_used: u64,
}

impl Receipt {
    /// The custom error of the verifier contract, when it reverted with one.
    pub fn revert(&self) -> Option<Revert> {
        match &self.outcome {
            Outcome::Reverted(data) => Revert::decode(data),
            Outcome::Success(_) | Outcome::Halted(_) => None,
        }
    }

    /// Whether the transaction ended normally.
    pub fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Success(_))
    }
}

/// A chain with no accounts but those deployed here.
pub struct Evm {
    inner: MainnetEvm<EvmContext<BlockEnv, TxEnv, CfgEnv, Database, Journal<Database>, ()>>,
}

impl Evm {
    /// An empty chain; its id is 1.
    pub fn new(fork: Fork) -> Evm {
        let spec = match fork {
            Fork::Cancun => SpecId::CANCUN,
            Fork::Prague => SpecId::PRAGUE,
            Fork::Osaka => SpecId::OSAKA,
        };
        let context = EvmContext::mainnet()
            .with_db(CacheDB::new(EmptyDB::default()))
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(spec);
                cfg.disable_nonce_check = true;
                cfg.disable_balance_check = true;
            });
        Evm { inner: context.build_mainnet() }
    }

    /// Runs `creation_code` and returns the address of what it deploys.
    ///
    /// # Errors
    /// [`EvmError::Deployment`] when it does not end normally.
    pub fn deploy(&mut self, creation_code: &[u8]) -> Result<Address, EvmError> {
        self.deploy_at_cost(creation_code).map(|(address, _)| address)
    }

    /// As [`Evm::deploy`], with the gas that it used.
    ///
    /// # Errors
    /// [`EvmError::Deployment`] when it does not end normally.
    pub fn deploy_at_cost(&mut self, creation_code: &[u8]) -> Result<(Address, u64), EvmError> {
        let result = self.transact(TxKind::Create, creation_code, GAS_LIMIT, 0)?;
        match result.created_address() {
            Some(address) => Ok((address.into_array(), result.tx_gas_used())),
            None => Err(EvmError::Deployment { outcome: receipt(result).outcome }),
        }
    }

    /// Sends a transaction with `data` and no money to a contract.
    ///
    /// # Errors
    /// [`EvmError::Invalid`] when it is not executed at all.
    pub fn call(&mut self, to: Address, data: &[u8], gas_limit: u64) -> Result<Receipt, EvmError> {
        self.call_paying(to, data, gas_limit, 0)
    }

    /// Sends a transaction with `data` and `wei` to a contract.
    ///
    /// # Errors
    /// [`EvmError::Invalid`] when it is not executed at all.
    pub fn call_paying(
        &mut self,
        to: Address,
        data: &[u8],
        gas_limit: u64,
        wei: u64,
    ) -> Result<Receipt, EvmError> {
        self.transact(TxKind::Call(to.into()), data, gas_limit, wei).map(receipt)
    }

    fn transact(
        &mut self,
        kind: TxKind,
        data: &[u8],
        gas_limit: u64,
        wei: u64,
    ) -> Result<ExecutionResult, EvmError> {
        let tx = TxEnv::builder()
            .caller(SENDER.into())
            .kind(kind)
            .data(Bytes::copy_from_slice(data))
            .gas_limit(gas_limit)
            .value(U256::from(wei))
            .build()
            .map_err(|reason| EvmError::Invalid { reason: format!("{reason:?}") })?;
        self.inner
            .transact_commit(tx)
            .map_err(|reason| EvmError::Invalid { reason: reason.to_string() })
    }
}

fn receipt(result: ExecutionResult<HaltReason>) -> Receipt {
    let gas_used = result.tx_gas_used();
    let outcome = match result {
        ExecutionResult::Success { output, .. } => Outcome::Success(output.into_data().to_vec()),
        ExecutionResult::Revert { output, .. } => Outcome::Reverted(output.to_vec()),
        ExecutionResult::Halt { reason, .. } => Outcome::Halted(format!("{reason:?}")),
    };
    Receipt { outcome, gas_used }
}

/// Deploys the contract for `key` on an empty chain and sends it the proof.
///
/// # Errors
/// When the key does not become a contract. A proof that the contract refuses is no error but a
/// receipt that says so.
pub fn run(
    key: &VerifyingKey,
    values: &PublicValues,
    context: Context,
    proof: &Proof,
    fork: Fork,
) -> Result<Receipt, EvmError> {
    let mut evm = Evm::new(fork);
    let contract = evm.deploy(&creation_code(key)?)?;
    evm.call(contract, &calldata(proof, values, context), GAS_LIMIT)
}
