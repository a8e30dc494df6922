//! A figure of the benchmark. The program that measures writes figures, one JSON text a line; `cargo xtask bench`
//! reads them, compares them and puts them into a table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The median of several samples of one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The median.
    pub value: f64,
    /// The unit of all values.
    pub unit: String,
    /// The smallest sample.
    pub min: f64,
    /// The largest sample.
    pub max: f64,
    /// How many samples there are.
    pub samples: usize,
    /// Where a sample usually lies, from `low` to `high`: the middle half of eight samples and more, else all. It is
    /// missing in results of before there was a comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<Usual>,
    /// Whether it says how fast the machine is rather than how fast Caisson is.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reference: bool,
    /// What a ratio was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<[Side; 2]>,
    /// What it should reach.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// A range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// One side of a ratio: its own median.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// The figure that this side is.
    pub name: String,
    /// Its median.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// What a figure should reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// Not more than this.
    #[serde(rename = "target")]
    AtMost(f64),
    /// Not less than this.
    #[serde(rename = "targetAtLeast")]
    AtLeast(f64),
}

impl Figure {
    /// Whether more of it is better: so many a second, and ratios of such.
    pub fn is_more_better(&self) -> bool {
        self.sides.as_ref().map_or(&self.unit, |[of, _]| &of.unit).ends_with("/s")
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [value, min, max] = [self.value, self.min, self.max].map(short);
        let width = to.width().unwrap_or(NAME);
        write!(to, "{:<width$} {value:>9} {:<8} {min:>9} {max:>9}", self.name, self.unit)?;
        if let Some([of, against]) = &self.sides {
            write!(to, "  {} : {} {}", short(of.value), short(against.value), against.unit)?;
        }
        if let Some(target) = self.target {
            let (words, target, met) = match target {
                Target::AtMost(most) => ("at most", most, self.value <= most),
                Target::AtLeast(least) => ("at least", least, least <= self.value),
            };
            write!(to, "  {words} {} {}", short(target), self.unit)?;
            to.write_str(if met { "" } else { ", missed" })?;
        }
        Ok(())
    }
}

/// The width of a name's column where the caller wants no other.
const NAME: usize = 46;

/// A table with a line for each figure.
pub fn table(figures: &[Figure]) -> String {
    let width = figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or_default();
    let mut table = format!("{:<width$} {:>9} {:<8} {:>9} {:>9}\n", "figure", "median", "unit", "min", "max");
    for figure in figures {
        table.push_str(format!("{figure:width$}").trim_end());
        table.push('\n');
    }
    table
}

/// Three significant digits, or all digits of a larger number.
pub fn short(value: f64) -> String {
    let digits = if value.abs() < 10.0 { 3 } else { usize::from(value.abs() < 100.0) };
    format!("{value:.digits$}")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field so")]
const fn is_false(value: &bool) -> bool {
    !*value
}
