// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ILemmaVerifier} from "./ILemmaVerifier.sol";

/// @title  PaymentGate: an example of a consumer
/// @notice Holds money that an agent may spend. A payment leaves only with a proof that a guard model, which the deployer
///         names by its digest, was run on this very payment and scored it above a threshold. The money is the owner's, who
///         can take it back at any time; until it is paid, a proof is no claim on it.
/// @dev    Two things tie the proof to the payment:
///         - the model's inputs: the gate computes them itself, and takes nothing but the score from the caller;
///         - the context: chain, gate, nonce, recipient and amount, hashed by the gate. The nonce is used up before the
///           money moves, so a proof works once.
///         The model has four public values, in this order: amount, payments to the recipient, payments at all (see
///         `features`), score. A verifier refuses values outside the ranges that its key declares, so deployment fails unless
///         the ranges hold every count that the gate gives, and scores on both sides of the threshold. Counts grow for ever:
///         the model sees them up to `countLimit`, and this number for all beyond.
///         What the deployer must check, because no contract can: that `verifier` is the code generated for this key, and
///         no proxy; that the model's public values mean the above; that it has no private input, which the agent would choose.
///         The gate holds the chain's own coin only. Tokens that are sent to it stay in it.
contract PaymentGate {
    error NoOwner();
    error OwnerIsAgent(address account);
    error DevelopmentKey(address verifier);
    error OtherModel(bytes32 expected, bytes32 found);
    /// @notice Public value `index` of the model is no integer with a range, or another one has a range that leaves out what
    ///         the gate gives it; `answer` is what the verifier said instead of `ValueOutOfRange(index)`.
    error OtherRanges(uint256 index, bytes answer);
    error NotTheAgent(address caller);
    error NotTheOwner(address caller);
    error AmountNotWhole(uint256 amount, uint256 unit);
    error ScoreTooLow(int256 score, int256 threshold);
    error PaymentFailed();

    event Paid(uint256 indexed nonce, address indexed to, uint256 amount, int256 score);
    event Withdrawn(address indexed to, uint256 amount);

    /// @notice The model sees amounts in this unit.
    uint256 public constant UNIT = 1 gwei;

    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @dev Greater than the end of every range.
    uint256 private constant BEYOND = 1 << 64;

    uint256 private constant VALUES = 4;
    uint256 private constant SCORE = 3;

    ILemmaVerifier public immutable verifier;
    address public immutable agent;
    address public immutable owner;
    /// @notice The score must be greater than this; in the integers of the model, fractional bits included.
    int256 public immutable threshold;
    /// @notice The greatest count that the model sees.
    uint256 public immutable countLimit;

    /// @notice Payments made so far, and the number of the next one.
    uint256 public nonce;
    /// @notice Payments made to a recipient so far.
    mapping(address to => uint256) public payments;

    /// @param model           the digest of the guard model's verifying key; the verifier must be for it
    /// @param owner_          whose money it is, and who needs no proof: not the agent
    /// @param countLimit_     how far the model counts payments, at most the end of the ranges of both counts
    /// @param developmentKey  whether the key may be a development key, whose maker could prove anything: for tests
    constructor(
        ILemmaVerifier verifier_,
        bytes32 model,
        address agent_,
        address owner_,
        int256 threshold_,
        uint256 countLimit_,
        bool developmentKey
    ) payable {
        if (owner_ == address(0)) revert NoOwner();
        if (owner_ == agent_) revert OwnerIsAgent(owner_);
        if (!developmentKey && verifier_.developmentKey()) revert DevelopmentKey(address(verifier_));
        bytes32 found = verifier_.vkDigest();
        if (found != model) revert OtherModel(model, found);
        for (uint256 index = 0; index < VALUES; ++index) {
            _expectRange(verifier_, index, 0, threshold_);
        }
        _expectRange(verifier_, 0, countLimit_, threshold_ + 1);
        verifier = verifier_;
        agent = agent_;
        owner = owner_;
        threshold = threshold_;
        countLimit = countLimit_;
    }

    receive() external payable {}

    /// @notice Pays `amount` to `to`, if the guard model's score for that, proven by `proof`, is above the threshold.
    /// @param  score  the model's output as a field element: a negative score s is r + s
    function pay(address to, uint256 amount, uint256[10] calldata proof, uint256 score) external {
        if (msg.sender != agent) revert NotTheAgent(msg.sender);
        int256 signed = score > R / 2 ? -int256(R - score) : int256(score);
        if (signed <= threshold) revert ScoreTooLow(signed, threshold);

        uint256[] memory values = new uint256[](VALUES);
        (values[0], values[1], values[2]) = features(to, amount);
        values[SCORE] = score;
        bytes32 context = keccak256(contextBytes(to, amount));

        uint256 used = nonce++;
        ++payments[to];
        verifier.verify(context, proof, values);

        _send(to, amount);
        emit Paid(used, to, amount, signed);
    }

    /// @notice Sends money of the owner's to `to`, whatever the guard model says.
    function withdraw(address to, uint256 amount) external {
        if (msg.sender != owner) revert NotTheOwner(msg.sender);
        _send(to, amount);
        emit Withdrawn(to, amount);
    }

    /// @notice What the guard model sees of a payment: the amount in units, payments to this recipient, payments at all.
    ///         Counts stop at `countLimit`.
    function features(address to, uint256 amount) public view returns (uint256, uint256, uint256) {
        if (amount % UNIT != 0) revert AmountNotWhole(amount, UNIT);
        return (amount / UNIT, _seen(payments[to]), _seen(nonce));
    }

    /// @notice The bytes to prove with, `lemma prove --context`, for the next payment.
    function contextBytes(address to, uint256 amount) public view returns (bytes memory) {
        return abi.encode(block.chainid, address(this), nonce, to, amount);
    }

    function _seen(uint256 count) private view returns (uint256) {
        return count < countLimit ? count : countLimit;
    }

    function _send(address to, uint256 amount) private {
        (bool sent,) = to.call{value: amount}("");
        if (!sent) revert PaymentFailed();
    }

    /// @dev Asks the verifier for values of which number `index` alone is outside its range. The verifier goes from the last
    ///      value to the first and looks at the proof's points after that: its answer for value 0 says that there are four
    ///      values and that the ranges of the others hold `count` and `score`.
    function _expectRange(ILemmaVerifier verifier_, uint256 index, uint256 count, int256 score) private view {
        uint256[] memory values = new uint256[](VALUES);
        (values[1], values[2]) = (count, count);
        values[SCORE] = score < 0 ? R - uint256(-score) : uint256(score);
        values[index] = BEYOND;
        // No points, but none at infinity, which the verifier would refuse first.
        uint256[10] memory proof = [uint256(1), 1, 1, 1, 1, 1, 1, 1, 1, 1];
        // A value without a range gets as far as the pairing, which takes all gas for such points.
        (, bytes memory answer) =
            address(verifier_).staticcall{gas: 100_000}(abi.encodeCall(ILemmaVerifier.verify, (0, proof, values)));
        bytes memory expected = abi.encodeWithSelector(ILemmaVerifier.ValueOutOfRange.selector, index);
        if (keccak256(answer) != keccak256(expected)) revert OtherRanges(index, answer);
    }
}
