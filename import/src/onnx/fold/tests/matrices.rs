use super::*;

fn matmul(a: Tensor, b: Tensor) -> Case {
    case("MatMul", 13).with(a).with(b)
}

#[test]
fn products_of_matrices_rows_and_columns() {
    let (a, b) = (counted(&[2, 3]), counted(&[3, 2]));
    assert_ints(&matmul(a.clone(), b.clone()).one(), &[2, 2], &[10, 13, 28, 40]);
    assert_ints(&matmul(list(&[1, 0, 2]), b.clone()).one(), &[2], &[8, 11]);
    assert_ints(&matmul(a.clone(), list(&[1, 0, 2])).one(), &[2], &[4, 13]);
    assert_ints(&matmul(list(&[1, 2]), list(&[3, 4])).one(), &[], &[11]);
    assert!(matmul(a, counted(&[1, 2])).refusal().contains("3 elements meet columns of 1"));
    assert!(matmul(b, ints(&[], &[1])).refusal().contains("without axes"));
}

#[test]
fn stacks_of_matrices_broadcast() {
    let stacked = matmul(counted(&[2, 1, 1, 2]), counted(&[2, 2, 1])).one();
    assert_ints(&stacked, &[2, 2, 1, 1], &[1, 3, 3, 13]);
    assert_ints(&matmul(ints(&[2, 0], &[]), ints(&[0, 1], &[])).one(), &[2, 1], &[0, 0]);
    assert!(matmul(counted(&[2, 1, 1]), counted(&[3, 1, 1])).refusal().contains("2 and 3"));
    assert_ints(&matmul(list(&[i64::MAX, 2]), list(&[2, 1])).one(), &[], &[0]);
}

#[test]
fn scaled_products_plus_a_matrix() {
    let a = || floats(&[2, 1], &[1.0, 2.0]);
    let product = case("Gemm", 13)
        .float("alpha", 0.5)
        .float("beta", 2.0)
        .with(a())
        .with(floats(&[1, 2], &[3.0, 4.0]));
    assert_floats(&product.with(floats(&[2], &[1.0, -1.0])).one(), &[2, 2], &[3.5, 0.0, 5.0, 2.0]);
    let turned = case("Gemm", 13)
        .int("transA", 1)
        .int("transB", 1)
        .with(a())
        .with(floats(&[1, 2], &[3.0, 4.0]))
        .one();
    assert_floats(&turned, &[1, 1], &[11.0]);
    assert!(
        case("Gemm", 13).with(a()).with(a()).refusal().contains("1 elements meet columns of 2")
    );
    let wide =
        case("Gemm", 13).with(a()).with(floats(&[1, 1], &[1.0])).with(floats(&[2, 2], &[0.0; 4]));
    assert!(wide.refusal().contains("addend"));
    assert!(case("Gemm", 9).with(a()).with(floats(&[1, 1], &[1.0])).refusal().contains("missing"));
}

#[test]
fn einstein_sums() {
    let sum = |equation: &str| case("Einsum", 12).text("equation", equation);
    let x = || counted(&[2, 3]);
    assert_ints(&sum("ij->ji").with(x()).one(), &[3, 2], &[0, 3, 1, 4, 2, 5]);
    assert_ints(&sum("ij->").with(x()).one(), &[], &[15]);
    assert_ints(&sum("ij -> i").with(x()).one(), &[2], &[3, 12]);
    assert_ints(&sum("ii->i").with(counted(&[2, 2])).one(), &[2], &[0, 3]);
    assert_ints(&sum("ij,ij->i").with(x()).with(x()).one(), &[2], &[5, 50]);
    assert_ints(&sum("ji").with(x()).one(), &[3, 2], &[0, 3, 1, 4, 2, 5]);
    assert_ints(
        &sum("...ij,...jk").with(counted(&[2, 1, 2])).with(counted(&[2, 1])).one(),
        &[2, 1, 1],
        &[1, 3],
    );
    assert_ints(
        &sum("i,j,k->kji").with(list(&[1, 2])).with(list(&[3])).with(list(&[1, 10])).one(),
        &[2, 1, 2],
        &[3, 6, 30, 60],
    );
    for wrong in ["ij,jk->ik", "i->i", "ij->k", "ij->ii", "i1->i", "ijk->i", ""] {
        assert!(sum(wrong).with(x()).refusal().contains("Einsum"), "{wrong}");
    }
    assert!(sum("ii->i").with(x()).refusal().contains("diagonal"));
    assert!(sum("i,i->i").with(list(&[1, 2])).with(list(&[1, 2, 3])).refusal().contains("2 and 3"));
}
