// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {vm} from "./Vm.sol";
import {ILemmaVerifier} from "../ILemmaVerifier.sol";
import {PaymentGate} from "../PaymentGate.sol";

/// @dev Accepts one statement in one context, so that a test sees what the gate asks for.
contract OneStatement is ILemmaVerifier {
    bytes32 public constant vkDigest = keccak256("guard");
    bool public constant developmentKey = false;
    bytes32 private expected;

    error NotThisOne();

    function expect(bytes32 context, uint256[] memory values) external {
        expected = keccak256(abi.encode(context, values));
    }

    function verify(bytes32 context, uint256[10] calldata, uint256[] calldata values) external view {
        if (keccak256(abi.encode(context, values)) != expected) revert NotThisOne();
    }
}

contract PaymentGateTest {
    address private constant TO = address(0x7777);
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    OneStatement private verifier = new OneStatement();
    PaymentGate private gate;
    uint256[10] private proof;

    function setUp() external {
        gate = new PaymentGate(verifier, keccak256("guard"), address(this), -3);
        vm.deal(address(gate), 1 ether);
    }

    function _expect(uint256 chain, address where, uint256 nonce, uint256 amount, uint256 score) private {
        uint256[] memory values = new uint256[](4);
        (values[0], values[1], values[2], values[3]) = (amount / 1 gwei, gate.payments(TO), nonce, score);
        verifier.expect(keccak256(abi.encode(chain, where, nonce, TO, amount)), values);
    }

    function test_pays_what_is_proven_and_counts() external {
        for (uint256 nonce = 0; nonce < 3; ++nonce) {
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

    function test_the_context_is_that_of_the_view() external view {
        bytes memory expected = abi.encode(block.chainid, address(gate), uint256(0), TO, uint256(5 gwei));
        require(keccak256(gate.contextBytes(TO, 5 gwei)) == keccak256(expected), "context");
    }
}
