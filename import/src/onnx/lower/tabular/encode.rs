//! Categories as rows of zeros and ones, and labels by other numbers.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array2;

use super::{Args, Kind, Lowering, Node, Problem, Results};
use lemma_model::Op;

/// Most rows of a table of categories.
const MOST_CATEGORIES: i64 = 1 << 16;

impl Lowering {
    /// `OneHotEncoder` of integers: `[..] -> [.., categories]`.
    pub(in crate::onnx::lower) fn one_hot_encoder(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Results {
        node.takes(1, 1)?;
        if node.attributes.has("cats_strings") {
            return Err(
                node.problem("categories that are texts; encode them as integers before the model")
            );
        }
        let categories = node.attributes.ints("cats_int64s")?.unwrap_or_default();
        let zeros = node.attributes.flag("zeros")?.unwrap_or(true);
        let rows = self.table_rows(node, &categories)?;
        if !zeros && rows != categories.len() {
            return Err(node.problem(
                "categories with gaps, of which others are refused; set \
                `zeros`, or number them from 0",
            ));
        }
        let ids = self.operand(node, args, 0)?;
        self.budget.elements(&[rows, categories.len()])?;
        self.choose_rows(node, ids, rows)?;
        let mut table = Array2::zeros((rows, categories.len()));
        for (column, category) in categories.iter().enumerate() {
            table[[*category as usize, column]] = 1.0;
        }
        let id = self.push(&node.name, Op::Embedding { table }, &[ids])?;
        Ok(vec![Some(self.computed(Kind::F32, id))])
    }

    /// Rows of a table with one for every category.
    fn table_rows(&self, node: &Node, categories: &[i64]) -> Result<usize, Problem> {
        let distinct = categories.iter().collect::<BTreeSet<_>>().len() == categories.len();
        let largest = categories.iter().max().copied().unwrap_or(-1);
        if !distinct
            || categories.iter().any(|category| *category < 0)
            || !(0..MOST_CATEGORIES).contains(&largest)
        {
            return Err(node.problem(format!(
                "its categories are not distinct integers from 0 to {}",
                MOST_CATEGORIES - 1
            )));
        }
        Ok(largest as usize + 1)
    }

    /// `LabelEncoder` of integers that an ArgMax chose or that are an input.
    pub(in crate::onnx::lower) fn label_encoder(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Results {
        node.takes(1, 1)?;
        if ["keys_strings", "values_strings", "classes_strings"]
            .iter()
            .any(|name| node.attributes.has(name))
        {
            return Err(node.problem(
                "labels that are texts; take the output before it, which is the class number",
            ));
        }
        for unused in ["default_string", "default_float"] {
            node.attributes.ignore(unused);
        }
        let keys = node.attributes.ints("keys_int64s")?.unwrap_or_default();
        let values = node.attributes.ints("values_int64s")?.unwrap_or_default();
        let other = node.attributes.int("default_int64")?.unwrap_or(-1);
        let place = self.operand(node, args, 0)?;
        let Some(count) = self.places(place) else {
            return Err(
                node.problem("labels of values that no ArgMax chose; encode them before the model")
            );
        };
        if keys.is_empty() || keys.len() != values.len() {
            return Err(node.problem("as many `keys_int64s` as `values_int64s` expected"));
        }
        let by_key: BTreeMap<i64, i64> = keys.into_iter().zip(values).collect();
        let numbers: Vec<i64> =
            (0..count as i64).map(|key| by_key.get(&key).copied().unwrap_or(other)).collect();
        if numbers.iter().any(|number| number.unsigned_abs() > 1 << 20) {
            return Err(node.problem("labels above 2^20"));
        }
        Ok(vec![Some(self.renamed(node, place, &numbers)?)])
    }
}
