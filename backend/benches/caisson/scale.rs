//! How much is measured: enough for figures that mean something, or so little that each line runs once.

/// The size of everything.
#[derive(Clone, Copy)]
pub enum Scale {
    /// For figures.
    Full,
    /// To see that the benchmark itself works.
    Smoke,
}

impl Scale {
    /// One of two sizes.
    pub fn of<T>(self, full: T, smoke: T) -> T {
        match self {
            Self::Full => full,
            Self::Smoke => smoke,
        }
    }
}
