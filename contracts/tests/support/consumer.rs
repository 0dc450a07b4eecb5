//! The example consumers, deployed, and proven payments for them.

use lemma_contracts::evm::{Address, Evm, EvmError, Fork, GAS_LIMIT, Outcome, Receipt, SENDER};
use lemma_contracts::{calldata, creation_code};
use lemma_verifier::{Context, PublicValues, Role, TensorSignature, VerifyingKey};
use rand_chacha::ChaCha20Rng;
use sha3::{Digest as _, Keccak256};

use super::{Trapdoor, compiler, rng, tensor, values};

pub const GWEI: u64 = 1_000_000_000;
pub const CHAIN: u64 = 1;
pub const OWNER: Address = SENDER;
pub const AGENT: Address = *b"the agent that pays.";
pub const RECIPIENT: Address = [0x77; 20];
/// The end of the guard's range of counts.
pub const COUNT_LIMIT: u64 = 5;

/// The compiled consumer `name`.
pub fn committed(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(compiler::root().join(format!("golden/{name}.hex")))
        .expect("a committed file");
    hex::decode(text.trim()).expect("bytecode is hexadecimal")
}

pub fn number(value: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&value.to_be_bytes());
    word
}

fn signed(value: i64) -> [u8; 32] {
    let mut word = if value < 0 { [0xff; 32] } else { [0; 32] };
    word[24..].copy_from_slice(&value.to_be_bytes());
    word
}

pub fn address(address: Address) -> [u8; 32] {
    let mut word = [0; 32];
    word[12..].copy_from_slice(&address);
    word
}

pub fn function(signature: &str, arguments: &[&[u8]]) -> Vec<u8> {
    [&Keccak256::digest(signature)[..4], &arguments.concat()].concat()
}

/// Whether a transaction was refused with the custom error `signature`.
pub fn refused_with(outcome: &Outcome, signature: &str) -> bool {
    matches!(outcome, Outcome::Reverted(data) if data.starts_with(&Keccak256::digest(signature)[..4]))
}

/// What the guard model reads and says: amount and counts as tensors of their own, and a score.
pub fn guard() -> Vec<TensorSignature> {
    let limit = COUNT_LIMIT as i64;
    vec![
        tensor("amount", Role::Input, &[], 1, 1000),
        tensor("payments", Role::Input, &[], 0, limit),
        tensor("nonce", Role::Input, &[1], 0, limit),
        tensor("score", Role::Output, &[], -128, 127),
    ]
}

/// How a gate is deployed.
#[derive(Clone)]
pub struct Terms {
    pub signature: Vec<TensorSignature>,
    /// Whether the guard's key is a development key.
    pub development: bool,
    /// The digest that the deployer expects, when it is not the guard's.
    pub model: Option<[u8; 32]>,
    pub agent: Address,
    pub owner: Address,
    pub threshold: i64,
    pub limit: u64,
    pub takes_development: bool,
}

impl Default for Terms {
    /// A gate that works, for the agent [`SENDER`].
    fn default() -> Terms {
        Terms {
            signature: guard(),
            development: false,
            model: None,
            agent: SENDER,
            owner: [3; 20],
            threshold: 10,
            limit: COUNT_LIMIT,
            takes_development: false,
        }
    }
}

impl Terms {
    /// A gate whose owner sends the transactions.
    pub fn owned() -> Terms {
        Terms { agent: AGENT, owner: OWNER, ..Terms::default() }
    }
}

/// A gate with 1000 gwei, and the guard model's key.
pub struct Bank {
    pub evm: Evm,
    pub gate: Address,
    /// Gas that the gate's deployment used.
    pub deployment: u64,
    trapdoor: Trapdoor,
    pub key: VerifyingKey,
    limit: u64,
    rng: ChaCha20Rng,
}

/// What a proof is made for.
#[derive(Clone, Copy)]
pub struct Payment {
    pub chain: u64,
    pub gate: Address,
    pub nonce: u64,
    pub to: Address,
    pub wei: u64,
    /// Amount, payments to the recipient and payments at all, as the model is given them.
    pub features: [i64; 3],
    pub score: i64,
}

impl Bank {
    /// A gate with the code `code`.
    ///
    /// # Errors
    /// When the gate refuses to be deployed on these terms.
    pub fn open(code: &[u8], terms: &Terms) -> Result<Bank, EvmError> {
        let mut rng = rng(80);
        let trapdoor = Trapdoor::random(&mut rng);
        let mut parts = trapdoor.parts("guard", terms.signature.clone());
        parts.development = terms.development;
        let key = VerifyingKey::new(parts).expect("a random key is good");
        let mut evm = Evm::new(Fork::Osaka);
        let verifier =
            evm.deploy(&creation_code(&key).expect("a good key")).expect("a verifier deploys");
        let arguments = [
            address(verifier),
            terms.model.unwrap_or(key.digest().0),
            address(terms.agent),
            address(terms.owner),
            signed(terms.threshold),
            number(terms.limit),
            number(u64::from(terms.takes_development)),
        ];
        let (gate, deployment) = evm.deploy_at_cost(&[code, &arguments.concat()].concat())?;
        assert!(
            evm.call_paying(gate, &[], GAS_LIMIT, 1000 * GWEI).expect("it is executed").succeeded()
        );
        Ok(Bank { evm, gate, deployment, trapdoor, key, limit: terms.limit, rng })
    }

    /// Five units, payment number `nonce`, all earlier ones to the same recipient.
    pub fn payment(&self, nonce: u64) -> Payment {
        let seen = nonce.min(self.limit) as i64;
        let features = [5, seen, seen];
        Payment {
            chain: CHAIN,
            gate: self.gate,
            nonce,
            to: RECIPIENT,
            wei: 5 * GWEI,
            features,
            score: 11,
        }
    }

    /// The arguments `proof` and `score`, with a proof of this payment.
    pub fn proof(&mut self, payment: Payment) -> Vec<u8> {
        let Payment { chain, gate, nonce, to, wei, features: [amount, payments, count], score } =
            payment;
        let context =
            [number(chain), address(gate), number(nonce), address(to), number(wei)].concat();
        let values = PublicValues::from_integers([amount, payments, count, score]);
        let proof = self.trapdoor.simulate(
            self.key.digest(),
            &values,
            Context::of(&context),
            &mut self.rng,
        );
        [&proof.to_bytes()[..], &values.to_bytes()[96..]].concat()
    }

    /// Asks for `payment` with a proof that was made for `proven`.
    pub fn ask(&mut self, payment: Payment, proven: Payment) -> Receipt {
        let proof = self.proof(proven);
        self.send(&pay(payment, &proof))
    }

    /// Asks for a payment with its own proof.
    pub fn pay(&mut self, payment: Payment) -> Receipt {
        self.ask(payment, payment)
    }

    pub fn withdraw(&mut self, wei: u64) -> Receipt {
        self.send(&function("withdraw(address,uint256)", &[&address(RECIPIENT), &number(wei)]))
    }

    pub fn send(&mut self, data: &[u8]) -> Receipt {
        self.evm.call(self.gate, data, GAS_LIMIT).expect("it is executed")
    }

    pub fn nonce(&mut self) -> Outcome {
        self.send(&function("nonce()", &[])).outcome
    }
}

/// The call of `pay`.
pub fn pay(payment: Payment, proof_and_score: &[u8]) -> Vec<u8> {
    let signature = "pay(address,uint256,uint256[10],uint256)";
    function(signature, &[&address(payment.to), &number(payment.wei), proof_and_score])
}

/// A registry of the owner [`SENDER`], verifiers for it, and a call that one of them accepts.
pub struct Office {
    pub evm: Evm,
    pub registry: Address,
    /// Gas that the registry's deployment used.
    pub deployment: u64,
    pub verifier: Address,
    /// The verifier of a development key.
    pub development: Address,
    pub model: [u8; 32],
    pub verify: Vec<u8>,
}

impl Office {
    /// A registry with the code `code`.
    pub fn open(code: &[u8], owner: Address, takes_development: bool) -> Office {
        let mut rng = rng(88);
        let trapdoor = Trapdoor::random(&mut rng);
        let mut parts = trapdoor.parts("toy", super::signature());
        parts.development = false;
        let key = VerifyingKey::new(parts).expect("a random key is good");
        let proof = trapdoor.simulate(key.digest(), &values(), Context::NONE, &mut rng);
        let model = key.digest().0;
        // A digest first, so the values are one word further away.
        let inner = calldata(&proof, &values(), Context::NONE);
        let signature = "verify(bytes32,bytes32,uint256[10],uint256[])";
        let verify = function(signature, &[&model, &inner[4..356], &number(416), &inner[388..]]);

        let mut evm = Evm::new(Fork::Osaka);
        let mut deploy = |key: &VerifyingKey| {
            evm.deploy(&creation_code(key).expect("a good key")).expect("it deploys")
        };
        let verifier = deploy(&key);
        let development = deploy(&trapdoor.key("toy", super::signature()));
        let arguments = [address(owner), number(u64::from(takes_development))].concat();
        let (registry, deployment) =
            evm.deploy_at_cost(&[code, &arguments].concat()).expect("it deploys");
        Office { evm, registry, deployment, verifier, development, model, verify }
    }

    pub fn register(&mut self, verifier: Address) -> Receipt {
        self.send(&function("register(address)", &[&address(verifier)]))
    }

    /// Calls `retire` or `verifierOf` for the model.
    pub fn about_the_model(&mut self, name: &str) -> Receipt {
        let data = function(&format!("{name}(bytes32)"), &[&self.model]);
        self.send(&data)
    }

    pub fn send(&mut self, data: &[u8]) -> Receipt {
        self.evm.call(self.registry, data, GAS_LIMIT).expect("it is executed")
    }
}
