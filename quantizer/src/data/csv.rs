//! Tables as text: a line of column names, then a line for each sample, cells separated by commas.
//!
//! Cells may stand in double quotes, with two for one inside; a line ends a cell in any case. A
//! number is decimal and finite. A column whose first cell is no number holds texts, such as the
//! names of classes; of any other the first cell that is no number is kept and refused where the
//! column is used. Memory is a small multiple of the file.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use ndarray::{ArrayD, IxDyn};

use super::{DataProblem, MAX_VALUES};

/// Largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 28;

/// Longest line in bytes.
const MAX_LINE: u64 = 1 << 24;

/// Most columns.
const MAX_COLUMNS: usize = 1 << 16;

/// Most different texts of a column.
const MAX_TEXTS: usize = 1 << 16;

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// Names of the columns, in the file's order.
    pub columns: Vec<String>,
    /// Columns of texts: for each sample the number of its text.
    pub texts: BTreeMap<String, Texts>,
    /// Columns that cannot be used, and why.
    pub broken: BTreeMap<String, String>,
}

/// A column of texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// The different texts.
    pub distinct: Vec<String>,
    /// For each sample the place of its text among them.
    pub places: Vec<u32>,
    numbers: BTreeMap<String, u32>,
}

/// The columns of numbers by name, and the table that they are of.
pub(super) fn read(
    source: impl Read,
) -> Result<(BTreeMap<String, ArrayD<f32>>, Table), DataProblem> {
    let mut lines =
        Lines { source: BufReader::new(source.take(MAX_FILE_BYTES + 1)), read: 0, line: 0 };
    let header = lines.next()?.ok_or_else(|| malformed("it is empty".into()))?;
    let columns = names(cells(header.trim_start_matches('\u{feff}'), 1)?)?;
    let mut content: Vec<Column> = columns.iter().map(|_| Column::Empty).collect();
    let mut total = 0usize;
    while let Some(line) = lines.next()? {
        let at = lines.line;
        let row = cells(&line, at)?;
        if row.len() != columns.len() {
            return Err(malformed(format!(
                "line {at} has {} cells; the first line names {} columns",
                row.len(),
                columns.len()
            )));
        }
        total += row.len();
        if total > MAX_VALUES {
            return Err(malformed(format!("more than {MAX_VALUES} cells")));
        }
        for ((column, name), cell) in content.iter_mut().zip(&columns).zip(row) {
            column.push(name, &cell, at);
        }
    }
    if total == 0 {
        return Err(malformed("it has no line behind the names of its columns".into()));
    }
    let (mut arrays, mut table) = (BTreeMap::new(), Table { columns, ..Table::default() });
    for (name, column) in table.columns.iter().zip(content) {
        match column {
            Column::Numbers(values) => {
                let array = ArrayD::from_shape_vec(IxDyn(&[values.len()]), values);
                arrays.insert(name.clone(), array.map_err(|error| malformed(error.to_string()))?);
            }
            Column::Texts(texts) => drop(table.texts.insert(name.clone(), texts)),
            Column::Broken(problem) => drop(table.broken.insert(name.clone(), problem)),
            Column::Empty => {}
        }
    }
    Ok((arrays, table))
}

/// What a column holds so far.
enum Column {
    Empty,
    Numbers(Vec<f32>),
    Texts(Texts),
    Broken(String),
}

impl Column {
    fn push(&mut self, name: &str, cell: &str, line: usize) {
        if let Column::Empty = self {
            *self = match number(cell) {
                Ok(_) => Column::Numbers(vec![]),
                Err(_) if !cell.trim().is_empty() => Column::Texts(Texts::default()),
                Err(problem) => Column::Broken(at(name, line, &problem)),
            };
        }
        let problem = match self {
            Column::Numbers(values) => match number(cell) {
                Ok(value) => {
                    values.push(value);
                    return;
                }
                Err(problem) => problem,
            },
            Column::Texts(texts) => match texts.push(cell) {
                Ok(()) => return,
                Err(problem) => problem,
            },
            Column::Empty | Column::Broken(_) => return,
        };
        *self = Column::Broken(at(name, line, &problem));
    }
}

impl Texts {
    fn push(&mut self, text: &str) -> Result<(), String> {
        let next = self.distinct.len();
        let place = match self.numbers.get(text) {
            Some(place) => *place,
            None if next == MAX_TEXTS => {
                return Err(format!("more than {MAX_TEXTS} different texts"));
            }
            None => {
                self.distinct.push(text.to_owned());
                self.numbers.insert(text.to_owned(), next as u32);
                next as u32
            }
        };
        self.places.push(place);
        Ok(())
    }
}

fn at(name: &str, line: usize, problem: &str) -> String {
    format!("line {line}, column `{name}`: {problem}")
}

/// A decimal number that 32 bits hold.
fn number(cell: &str) -> Result<f32, String> {
    let text = cell.trim();
    if text.is_empty() {
        return Err("the cell is empty; every number is needed".into());
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let value = text.parse::<f64>().ok().filter(|_| plain);
    let shown: String = text.chars().take(40).collect();
    let value = value.ok_or_else(|| format!("`{shown}` is no number"))?;
    match value as f32 {
        float if float.is_finite() => Ok(float),
        _ => Err(format!("`{shown}` is too large for a 32-bit float")),
    }
}

fn names(header: Vec<String>) -> Result<Vec<String>, DataProblem> {
    if header.len() > MAX_COLUMNS {
        return Err(malformed(format!("{} columns; at most {MAX_COLUMNS} are read", header.len())));
    }
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    if names.iter().all(|name| number(name).is_ok()) {
        return Err(malformed("its first line holds numbers; it must name the columns".into()));
    }
    if let Some(at) = names.iter().position(String::is_empty) {
        return Err(malformed(format!(
            "column {} has no name; pandas writes its index so, unless told `index=False`",
            at + 1
        )));
    }
    let mut known = std::collections::BTreeSet::new();
    match names.iter().find(|name| !known.insert(*name)) {
        Some(name) => Err(malformed(format!("two columns are called `{name}`"))),
        None => Ok(names),
    }
}

/// The cells of a line.
fn cells(line: &str, number: usize) -> Result<Vec<String>, DataProblem> {
    let (mut cells, mut rest) = (vec![], line);
    loop {
        let (cell, after) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => {
                let (cell, after) = unquoted(quoted)
                    .ok_or_else(|| malformed(format!("line {number} ends inside of quotes")))?;
                (cell, after.trim_start())
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (cell, after) = rest.split_at(end);
                if cell.contains('"') {
                    return Err(malformed(format!("line {number} has a quote inside of a cell")));
                }
                (cell.to_owned(), after)
            }
        };
        cells.push(cell);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(cells),
            None => {
                return Err(malformed(format!("line {number} has text behind a closing quote")));
            }
        }
    }
}

/// The cell in front of its closing quote, and what is behind that.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut cell, mut rest) = (String::new(), text);
    loop {
        let (before, after) = rest.split_once('"')?;
        cell.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return Some((cell, after)),
        }
    }
}

/// Lines of a file that are not empty.
struct Lines<R> {
    source: R,
    read: u64,
    line: usize,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<String>, DataProblem> {
        loop {
            let mut bytes = vec![];
            let mut limited = (&mut self.source).take(MAX_LINE);
            let count = limited.read_until(b'\n', &mut bytes).map_err(DataProblem::Read)? as u64;
            self.read += count;
            self.line += 1;
            if self.read > MAX_FILE_BYTES {
                return Err(DataProblem::TooLarge { bytes: self.read, limit: MAX_FILE_BYTES });
            }
            if count == 0 {
                return Ok(None);
            }
            if count == MAX_LINE {
                return Err(malformed(format!("line {} is too long", self.line)));
            }
            let text = String::from_utf8(bytes)
                .map_err(|_| malformed(format!("line {} is not UTF-8", self.line)))?;
            let text = text.trim_end_matches(['\n', '\r']);
            if !text.is_empty() {
                return Ok(Some(text.to_owned()));
            }
        }
    }
}

fn malformed(problem: String) -> DataProblem {
    DataProblem::Malformed(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(BTreeMap<String, ArrayD<f32>>, Table), DataProblem> {
        read(text.as_bytes())
    }

    #[test]
    fn columns_are_numbers_or_texts() {
        let text = "\u{feff}age, \"height, cm\",species\r\n3, 1.5,setosa\n-4e1,\"2\",\"a \"\"b\"\"\"\n\n5,.5,setosa\n";
        let (arrays, table) = parse(text).unwrap();
        assert_eq!(arrays["age"], ndarray::array![3.0, -40.0, 5.0].into_dyn());
        assert_eq!(arrays["height, cm"], ndarray::array![1.5, 2.0, 0.5].into_dyn());
        assert_eq!(table.columns, ["age", "height, cm", "species"]);
        assert_eq!(table.texts["species"].distinct, ["setosa", "a \"b\""]);
        assert_eq!(table.texts["species"].places, [0, 1, 0]);
    }

    #[test]
    fn a_cell_that_is_no_number_is_named_with_its_line_and_column() {
        for (cell, said) in [
            ("x", "`x` is no number"),
            ("", "empty"),
            ("nan", "no number"),
            ("inf", "no number"),
            ("0x10", "no number"),
            ("1e39", "too large"),
            ("1;5", "no number"),
        ] {
            let (arrays, table) = parse(&format!("a,b\n1,2\n{cell},3\n")).unwrap();
            assert!(!arrays.contains_key("a"));
            let problem = &table.broken["a"];
            assert!(
                problem.starts_with("line 3, column `a`: ") && problem.contains(said),
                "{problem}"
            );
        }
    }

    #[test]
    fn rejects_what_is_no_table() {
        for (text, said) in [
            ("", "empty"),
            ("a,b\n", "no line behind"),
            ("1,2\n3,4\n", "must name the columns"),
            (",a\n0,1\n", "index=False"),
            ("a,a\n0,1\n", "two columns are called `a`"),
            ("a,b\n1\n", "line 2 has 1 cells"),
            ("a,b\n1,2,3\n", "line 2 has 3 cells"),
            ("a\n\"1\n", "inside of quotes"),
            ("a\n\"1\"2\n", "behind a closing quote"),
            ("a\n1\"2\n", "quote inside"),
        ] {
            let found = parse(text).unwrap_err().to_string();
            assert!(found.contains(said), "{text:?}: {found}");
        }
        assert!(read(&b"a\n\xff\n"[..]).is_err());
    }

    /// Damaged tables are tables or errors.
    #[test]
    fn survives_flipped_bits() {
        use rand::{Rng, SeedableRng};
        let text = b"age,\"x, y\",kind\n1,2.5,a\n-3e4,\"4\",\"b\"\n";
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        for _ in 0..2000 {
            let mut damaged = text.to_vec();
            let bit = rng.gen_range(0..damaged.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok((arrays, table)) = read(damaged.as_slice()) {
                let rows = arrays.values().map(|array| array.len());
                let rows = rows.chain(table.texts.values().map(|texts| texts.places.len()));
                let rows: Vec<usize> = rows.collect();
                assert!(rows.windows(2).all(|pair| pair[0] == pair[1]));
            }
        }
    }
}
