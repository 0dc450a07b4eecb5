// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {vm} from "./Vm.sol";
import {ILemmaVerifier} from "../ILemmaVerifier.sol";
import {PaymentGate} from "../PaymentGate.sol";

uint256 constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

/// @dev Accepts one statement in one context, so that a test sees what the gate asks for. Ranges are those of a guard with
///      three inputs from 0 and a score.
contract OneStatement is ILemmaVerifier {
    bytes32 public constant vkDigest = keccak256("guard");
    bool public immutable developmentKey;
    bytes32 private expected;

    int256 private immutable end;

    error NotThisOne();

    constructor(bool development, int256 end_) {
        developmentKey = development;
        end = end_;
    }

    function expect(bytes32 context, uint256[] memory values) external {
        expected = keccak256(abi.encode(context, values));
    }

    function verify(bytes32 context, uint256[10] calldata, uint256[] calldata values) external view {
        for (uint256 index = values.length; index > 0;) {
            --index;
            int256 value = values[index] > R / 2 ? -int256(R - values[index]) : int256(values[index]);
            if (value > end || value < (index < 3 ? int256(0) : -end)) revert ValueOutOfRange(index);
        }
        if (keccak256(abi.encode(context, values)) != expected) revert NotThisOne();
    }
}

contract PaymentGateTest {
    address private constant TO = address(0x7777);
    address private constant OWNER = address(0x8888);
    uint256 private constant LIMIT = 2;

    OneStatement private verifier = new OneStatement(false, 7);
    PaymentGate private gate;
    uint256[10] private proof;

    function setUp() external {
        gate = _gate(verifier, LIMIT, false);
        vm.deal(address(gate), 1 ether);
    }

    function _gate(OneStatement guard, uint256 limit, bool development) private returns (PaymentGate) {
        return new PaymentGate(guard, keccak256("guard"), address(this), OWNER, -3, limit, development);
    }

    function _expect(uint256 chain, address where, uint256 nonce, uint256 amount, uint256 score) private {
        uint256[] memory values = new uint256[](4);
        (values[0], values[1]) = (amount / 1 gwei, gate.payments(TO) < LIMIT ? gate.payments(TO) : LIMIT);
        (values[2], values[3]) = (nonce < LIMIT ? nonce : LIMIT, score);
        verifier.expect(keccak256(abi.encode(chain, where, nonce, TO, amount)), values);
    }

    function test_pays_what_is_proven_and_counts() external {
        for (uint256 nonce = 0; nonce < 6; ++nonce) {
            _expect(block.chainid, address(gate), nonce, 5 gwei, 7);
            gate.pay(TO, 5 gwei, proof, 7);
            require(TO.balance == 5 gwei * (nonce + 1) && gate.nonce() == nonce + 1, "paid once");
        }
    }

    function test_asks_for_the_chain_and_the_gate() external {
        _expect(block.chainid + 1, address(gate), 0, 5 gwei, 7);
        vm.expectRevert(abi.encodeWithSelector(OneStatement.NotThisOne.selector));
        gate.pay(TO, 5 gwei, proof, 7);
        _expect(block.chainid, address(this), 0, 5 gwei, 7);
        vm.expectRevert(abi.encodeWithSelector(OneStatement.NotThisOne.selector));
        gate.pay(TO, 5 gwei, proof, 7);
    }

    function test_rejects_a_replay() external {
        _expect(block.chainid, address(gate), 0, 5 gwei, 7);
        gate.pay(TO, 5 gwei, proof, 7);
        vm.expectRevert(abi.encodeWithSelector(OneStatement.NotThisOne.selector));
        gate.pay(TO, 5 gwei, proof, 7);
    }

    function test_a_score_may_be_negative() external {
        _expect(block.chainid, address(gate), 0, 5 gwei, R - 2);
        gate.pay(TO, 5 gwei, proof, R - 2);
        vm.expectRevert(abi.encodeWithSelector(PaymentGate.ScoreTooLow.selector, int256(-3), int256(-3)));
        gate.pay(TO, 5 gwei, proof, R - 3);
    }

    function test_rejects_another_caller() external {
        vm.expectRevert(abi.encodeWithSelector(PaymentGate.NotTheAgent.selector, TO));
        vm.prank(TO);
        gate.pay(TO, 5 gwei, proof, 7);
    }

    /// @dev No whole unit, beyond any range of amounts, and to whom the owner says.
    function test_the_owner_takes_back_what_no_proof_releases() external {
        vm.prank(OWNER);
        gate.withdraw(TO, 1 ether - 1);
        vm.prank(OWNER);
        gate.withdraw(OWNER, 1);
        require(address(gate).balance == 0 && TO.balance == 1 ether - 1 && OWNER.balance == 1, "all of it");
        vm.expectRevert(abi.encodeWithSelector(PaymentGate.PaymentFailed.selector));
        vm.prank(OWNER);
        gate.withdraw(OWNER, 1);
    }

    function test_nobody_else_takes_money() external {
        vm.expectRevert(abi.encodeWithSelector(PaymentGate.NotTheOwner.selector, address(this)));
        gate.withdraw(TO, 1);
    }

    function test_an_owner_is_needed_who_is_not_the_agent() external {
        vm.expectRevert(abi.encodeWithSelector(PaymentGate.NoOwner.selector));
        new PaymentGate(verifier, keccak256("guard"), address(this), address(0), -3, LIMIT, false);
        vm.expectRevert(abi.encodeWithSelector(PaymentGate.OwnerIsAgent.selector, OWNER));
        new PaymentGate(verifier, keccak256("guard"), OWNER, OWNER, -3, LIMIT, false);
    }

    function test_a_development_key_is_taken_when_asked_for() external {
        OneStatement development = new OneStatement(true, 7);
        vm.expectRevert(abi.encodeWithSelector(PaymentGate.DevelopmentKey.selector, address(development)));
        _gate(development, LIMIT, false);
        _gate(development, LIMIT, true);
    }

    function test_rejects_counts_and_thresholds_outside_the_ranges() external {
        _gate(verifier, 7, false);
        bytes memory answer = abi.encodeWithSelector(ILemmaVerifier.ValueOutOfRange.selector, 2);
        vm.expectRevert(abi.encodeWithSelector(PaymentGate.OtherRanges.selector, 0, answer));
        _gate(verifier, 8, false);
        OneStatement narrow = new OneStatement(false, 2);
        answer = abi.encodeWithSelector(ILemmaVerifier.ValueOutOfRange.selector, 3);
        vm.expectRevert(abi.encodeWithSelector(PaymentGate.OtherRanges.selector, 0, answer));
        _gate(narrow, LIMIT, false);
    }

    /// @dev The recipient is the agent and asks again while it is paid: the second payment has a number of its own.
    function test_a_payment_within_a_payment_is_another_payment() external {
        Reentrant agent = new Reentrant(verifier);
        gate = new PaymentGate(verifier, keccak256("guard"), address(agent), OWNER, -3, LIMIT, false);
        vm.deal(address(gate), 1 ether);
        agent.expect(gate, 0);
        agent.go(gate, 0);
        require(address(agent).balance == 5 gwei && gate.nonce() == 1 && agent.refused(), "the same proof again");
        agent.expect(gate, 1);
        agent.go(gate, 1);
        require(address(agent).balance == 15 gwei && gate.nonce() == 3 && !agent.refused(), "a proof of its own");
    }

    function test_the_context_is_that_of_the_view() external view {
        bytes memory expected = abi.encode(block.chainid, address(gate), uint256(0), TO, uint256(5 gwei));
        require(keccak256(gate.contextBytes(TO, 5 gwei)) == keccak256(expected), "context");
    }
}

/// @dev An agent that pays itself, and while it is paid asks for as much again, with the proof it has or with the next.
contract Reentrant {
    OneStatement private immutable verifier;
    uint256[10] private proof;
    uint256 private further;
    bool private entered;
    bool public refused;

    constructor(OneStatement verifier_) {
        verifier = verifier_;
    }

    function expect(PaymentGate gate, uint256 nonce) public {
        uint256[] memory values = new uint256[](4);
        (values[0], values[1], values[2], values[3]) = (5, nonce, nonce, 7);
        verifier.expect(keccak256(abi.encode(block.chainid, address(gate), nonce, address(this), 5 gwei)), values);
    }

    function go(PaymentGate gate, uint256 further_) external {
        further = further_;
        (entered, refused) = (false, false);
        gate.pay(address(this), 5 gwei, proof, 7);
    }

    receive() external payable {
        if (entered) return;
        entered = true;
        PaymentGate gate = PaymentGate(payable(msg.sender));
        if (further > 0) expect(gate, gate.nonce());
        try gate.pay(address(this), 5 gwei, proof, 7) {}
        catch {
            refused = true;
        }
    }
}
