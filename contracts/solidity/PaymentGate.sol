// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ILemmaVerifier} from "./ILemmaVerifier.sol";

/// @title  PaymentGate: an example of a consumer
/// @notice Holds the money of an agent. A payment leaves only with a proof that a guard model, which the deployer names by
///         its digest, was run on this very payment and scored it above a threshold.
/// @dev    Two things tie the proof to the payment:
///         - the model's inputs: the gate computes them itself, and takes nothing but the score from the caller;
///         - the context: chain, gate, nonce, recipient and amount, hashed by the gate. The nonce is used up before the
///           money moves, so a proof works once.
///         The model has four public values: three inputs (see `features`) and a score.
contract PaymentGate {
    error NotTheAgent(address caller);
    error OtherModel(bytes32 expected, bytes32 found);
    error AmountNotWhole(uint256 amount, uint256 unit);
    error ScoreTooLow(int256 score, int256 threshold);
    error PaymentFailed();

    event Paid(uint256 indexed nonce, address indexed to, uint256 amount, int256 score);

    /// @notice The model sees amounts in this unit.
    uint256 public constant UNIT = 1 gwei;

    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    ILemmaVerifier public immutable verifier;
    address public immutable agent;
    /// @notice The score must be greater than this; in the integers of the model, fractional bits included.
    int256 public immutable threshold;

    /// @notice Payments made so far, and the number of the next one.
    uint256 public nonce;
    /// @notice Payments made to a recipient so far.
    mapping(address to => uint256) public payments;

    /// @param model  the digest of the guard model's verifying key; the verifier must be for it
    constructor(ILemmaVerifier verifier_, bytes32 model, address agent_, int256 threshold_) payable {
        bytes32 found = verifier_.vkDigest();
        if (found != model) revert OtherModel(model, found);
        verifier = verifier_;
        agent = agent_;
        threshold = threshold_;
    }

    receive() external payable {}

    /// @notice Pays `amount` to `to`, if the guard model's score for that, proven by `proof`, is above the threshold.
    /// @param  score  the model's output as a field element: a negative score s is r + s
    function pay(address to, uint256 amount, uint256[10] calldata proof, uint256 score) external {
        if (msg.sender != agent) revert NotTheAgent(msg.sender);
        int256 signed = score > R / 2 ? -int256(R - score) : int256(score);
        if (signed <= threshold) revert ScoreTooLow(signed, threshold);

        uint256[] memory values = new uint256[](4);
        (values[0], values[1], values[2]) = features(to, amount);
        values[3] = score;
        bytes32 context = keccak256(contextBytes(to, amount));

        uint256 used = nonce++;
        ++payments[to];
        verifier.verify(context, proof, values);

        (bool sent,) = to.call{value: amount}("");
        if (!sent) revert PaymentFailed();
        emit Paid(used, to, amount, signed);
    }

    /// @notice What the guard model sees of a payment: the amount in units, payments to this recipient, payments at all.
    function features(address to, uint256 amount) public view returns (uint256, uint256, uint256) {
        if (amount % UNIT != 0) revert AmountNotWhole(amount, UNIT);
        return (amount / UNIT, payments[to], nonce);
    }

    /// @notice The bytes to prove with, `lemma prove --context`, for the next payment.
    function contextBytes(address to, uint256 amount) public view returns (bytes memory) {
        return abi.encode(block.chainid, address(this), nonce, to, amount);
    }
}
