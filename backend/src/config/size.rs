//! `Size`: a number of bytes as people write it, `512m` or `4g`.

use std::{fmt, str::FromStr};

const UNITS: [(char, u64); 3] = [('g', 1 << 30), ('m', 1 << 20), ('k', 1 << 10)];

/// A number of bytes. The units are powers of 1024, as in `docker run --memory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.trim().to_ascii_lowercase();
        let lower = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((lower.strip_suffix(*unit)?, *bytes)));
        let (number, unit) = unit.unwrap_or((lower, 1));
        let bytes = number.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        bytes.map(Self).ok_or_else(|| "write a whole number and a unit: 512m, 4g".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS.iter().find(|(_, bytes)| self.0 != 0 && self.0.is_multiple_of(*bytes));
        match fits {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_docker_reads_it() {
        let table =
            [("4g", 4 << 30), ("512m", 512 << 20), ("64MiB", 64 << 20), ("10 kb", 10 << 10), ("99", 99)];
        for (text, bytes) in table {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for nonsense in ["", "g", "4.5g", "-1", "4t", "99999999999999g"] {
            assert!(nonsense.parse::<Size>().is_err(), "{nonsense}");
        }
        assert_eq!(Size(4 << 30).to_string(), "4g");
        assert_eq!(Size(0).to_string(), "0");
    }
}
