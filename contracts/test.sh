#!/bin/sh
# Everything about the contracts that needs node: the compiler against the committed bytecode, then Foundry.
#
#   contracts/test.sh            run the checks
#   contracts/test.sh --update   write the committed files anew first
#   contracts/test.sh --foundry  only Foundry
set -eu
cd "$(dirname "$0")"

[ -d node_modules ] || npm ci --no-audit --no-fund

if [ "${1:-}" = --update ]; then
    LEMMA_UPDATE_GOLDEN=1 cargo test --release --package lemma-contracts --test golden the_committed
    LEMMA_UPDATE_GOLDEN=1 cargo test --release --package lemma-contracts --test consumers the_committed
    LEMMA_UPDATE_GOLDEN=1 cargo test --release --package lemma-contracts --test source the_committed
    LEMMA_UPDATE_GOLDEN=1 cargo test --release --package lemma-contracts --test vectors the_committed
fi

if [ "${1:-}" != --foundry ]; then
    cargo test --release --package lemma-contracts
fi
FOUNDRY_SOLC="$PWD/solc.js" node_modules/.bin/forge test
