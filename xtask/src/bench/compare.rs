//! Two results side by side: what became worse by more than its noise.

use testkit::figure::{Figure, Usual, short};

/// The least change of a median that counts, however steady the samples are.
const LEAST: f64 = 0.1;

/// A figure that became worse.
#[derive(Debug, PartialEq)]
pub(crate) struct Worse {
    name: String,
    unit: String,
    before: f64,
    now: f64,
    usual: Usual,
    drift: f64,
}

/// How many figures both results have that say something about Caisson, and those of them that became worse.
///
/// A figure is worse when its median is, by a tenth, and no usual sample of now is as good as a usual one of before.
/// One that a ratio is made of is judged by the ratio: both its sides were measured on the same machine at the same
/// time. The others are forgiven by as much as the machine itself became slower.
pub(crate) fn worse(before: &[Figure], now: &[Figure]) -> (usize, Vec<Worse>) {
    let drift = drift(before, now);
    let mut compared = 0;
    let mut worse = Vec::new();
    for figure in now.iter().filter(|figure| !figure.reference && !has_ratio(figure, now)) {
        let Some(earlier) = same(before, figure) else { continue };
        compared += 1;
        let drift = if figure.sides.is_some() { 1.0 } else { drift };
        if is_worse(earlier, figure, drift) {
            let (name, unit, usual) = (figure.name.clone(), figure.unit.clone(), usual(earlier));
            worse.push(Worse { name, unit, before: earlier.value, now: figure.value, usual, drift });
        }
    }
    (compared, worse)
}

/// By how many times the machine became slower, at the median of what measures nothing but the machine; 1 when it
/// became faster, so that nothing is called worse that is not.
pub(crate) fn drift(before: &[Figure], now: &[Figure]) -> f64 {
    let references = now.iter().filter(|figure| figure.reference);
    let mut drifts: Vec<f64> = references
        .filter_map(|figure| {
            let earlier = same(before, figure)?.value;
            let (slow, fast) =
                if figure.is_more_better() { (earlier, figure.value) } else { (figure.value, earlier) };
            (0.0 < fast).then_some(slow / fast)
        })
        .collect();
    drifts.sort_by(f64::total_cmp);
    drifts.get(drifts.len() / 2).copied().unwrap_or(1.0).max(1.0)
}

fn same<'a>(figures: &'a [Figure], figure: &Figure) -> Option<&'a Figure> {
    figures.iter().find(|other| other.name == figure.name && other.unit == figure.unit)
}

fn has_ratio(figure: &Figure, all: &[Figure]) -> bool {
    all.iter().filter_map(|other| other.sides.as_ref()).any(|[of, _]| of.name == figure.name)
}

fn is_worse(before: &Figure, now: &Figure, drift: f64) -> bool {
    let (old, new) = (usual(before), usual(now));
    // Memory does not depend on how fast the machine is.
    let drift = if now.unit == "MB" { 1.0 } else { drift };
    if now.is_more_better() {
        now.value * drift * (1.0 + LEAST) < before.value && new.high * drift < old.low
    } else {
        before.value * drift * (1.0 + LEAST) < now.value && old.high * drift < new.low
    }
}

fn usual(figure: &Figure) -> Usual {
    figure.usual.unwrap_or(Usual { low: figure.min, high: figure.max })
}

impl std::fmt::Display for Worse {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, unit, before, now, usual, drift } = self;
        let [before, now, low, high] = [*before, *now, usual.low, usual.high].map(short);
        write!(to, "{name}: {now} {unit}, was {before} ({low} to {high})")?;
        if 1.0 < *drift {
            write!(to, ", on a machine that is {} times as slow", short(*drift))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
