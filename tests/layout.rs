//! The count builder prices what the shape builder makes, for every range table.

use lemma::circuits::relation::Relation;
use lemma::circuits::{Compiled, Plan};
use lemma::quantizer::calibrate::{Method, Ranges};
use lemma::quantizer::quantize::{Options, quantize};
use rand::SeedableRng;
use rand::rngs::StdRng;

use lemma_testkit::networks::{random_inputs, random_model};

#[test]
fn counts_equal_the_layout_of_the_circuit() {
    for seed in 0..100 {
        let model = random_model(seed).relu_after_max_pool();
        let mut rng = StdRng::seed_from_u64(seed + 3000);
        let samples: Vec<_> = (0..2).map(|_| random_inputs(&model, &mut rng)).collect();
        let ranges = Ranges::observe(&model, samples, Method::Max).unwrap();
        let graph =
            quantize(&model, &ranges, &Options { bits: 8, ..Options::default() }).unwrap().graph;
        for widths in [vec![4], vec![8], vec![5, 9], vec![6, 7, 11]] {
            let compiled =
                Compiled::with_plan(graph.clone(), Plan { widths: widths.clone() }).unwrap();
            let (layout, count) = (compiled.circuit().layout(), compiled.count());
            let total = count.total();
            let counted = (total.constraints, total.round1, total.round2);
            assert_eq!(
                counted,
                (layout.constraints, layout.round1, layout.round2),
                "seed {seed}, {widths:?}"
            );
            let layers: usize = count.layers().values().map(|cost| cost.constraints).sum();
            assert_eq!(layers, layout.constraints, "seed {seed}, {widths:?}");
            let rows: usize = compiled.circuit().sites().map(|(_, rows)| rows.len()).sum();
            assert_eq!(rows, layout.constraints, "seed {seed}, {widths:?}");
        }
    }
}
