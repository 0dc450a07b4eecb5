//! Digests of committed tensors in the contract: any field element that was proven, in one
//! encoding, beside values with ranges.

mod support;

use ark_bn254::Fr;
use ark_ff::UniformRand;
use lemma_contracts::evm::{Evm, Fork};
use lemma_contracts::revert::Revert;
use lemma_contracts::{Call, calldata, creation_code};
use lemma_verifier::{Context, PreparedKey, PublicValues, Role};
use support::{Trapdoor, rng, tensor};

/// Where the values of a call begin.
const VALUES: usize = 420;

#[test]
fn the_contract_takes_digests_beside_values() {
    let mut rng = rng(90);
    let trapdoor = Trapdoor::random(&mut rng);
    let tensors = vec![
        tensor("in", Role::CommittedInput, &[7, 7], -9, 9),
        tensor("scores", Role::Output, &[2], -9, 9),
        tensor("out", Role::CommittedOutput, &[3], -9, 9),
    ];
    let key = trapdoor.key("committed", tensors);
    let prepared = PreparedKey::new(key.clone());
    let mut evm = Evm::new(Fork::Osaka);
    let contract = evm.deploy(&creation_code(&key).expect("a good key")).expect("it deploys");
    let mut verdict = |data: &[u8]| {
        let receipt = evm.call(contract, data, 1_000_000).expect("it is executed");
        let rust = Call::decode(data).is_ok_and(|call| call.verify(&prepared).is_ok());
        assert_eq!(receipt.succeeded(), rust, "{:?}", receipt.outcome);
        if rust { None } else { receipt.revert() }
    };
    let mut call = |digests: [Fr; 2], scores: [i64; 2]| {
        let values = PublicValues::new(vec![
            digests[0],
            Fr::from(scores[0]),
            Fr::from(scores[1]),
            digests[1],
        ]);
        let proof = trapdoor.simulate(key.digest(), &values, Context::NONE, &mut rng);
        calldata(&proof, &values, Context::NONE)
    };
    let edges = [Fr::from(0), Fr::from(u64::MAX), -Fr::from(1), Fr::rand(&mut support::rng(91))];
    for digest in edges {
        assert_eq!(verdict(&call([digest, edges[3]], [-9, 9])), None);
        assert_eq!(verdict(&call([edges[3], digest], [9, -9])), None);
        // The values between keep their ranges.
        assert_eq!(
            verdict(&call([digest, digest], [10, 0])),
            Some(Revert::ValueOutOfRange { index: 1 })
        );
        assert_eq!(
            verdict(&call([digest, digest], [0, -10])),
            Some(Revert::ValueOutOfRange { index: 2 })
        );
    }
    let honest = call([edges[3], edges[1]], [1, -1]);
    assert_eq!(verdict(&honest), None);
    for index in [0, 3] {
        let at = VALUES + 32 * index;
        let mut altered = honest.clone();
        altered[at + 31] ^= 1;
        assert_eq!(verdict(&altered), Some(Revert::PairingFailed));
        altered[at..at + 32].fill(0xff);
        assert_eq!(verdict(&altered), Some(Revert::ValueNotInField { index: index as u64 }));
    }
    let mut swapped = honest[..VALUES].to_vec();
    for index in [3, 1, 2, 0] {
        swapped.extend_from_slice(&honest[VALUES + 32 * index..][..32]);
    }
    assert_eq!(verdict(&swapped), Some(Revert::PairingFailed));
}
