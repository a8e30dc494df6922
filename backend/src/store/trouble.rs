//! What is wrong with a database that cannot be written, in words that may be shown to everyone.

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// Why the database cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// There is no room.
    #[error("its disk is full")]
    Full,
    /// Reading is all that is allowed.
    #[error("it is read-only")]
    ReadOnly,
    /// The disk fails.
    #[error("its disk reports an error")]
    Disk,
    /// Another process keeps others from writing.
    #[error("another process keeps it locked")]
    Locked,
    /// Its file is broken.
    #[error("its file is damaged")]
    Damaged,
    /// It cannot be reached or does not answer.
    #[error("it does not answer")]
    Away,
    /// A write takes too long.
    #[error("a write has waited for too long")]
    Slow,
}

impl Trouble {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Full => "make room on it",
            Self::ReadOnly => "let this server write to it",
            Self::Disk => "look at the disk and at the system's log",
            Self::Locked => "end the other process",
            Self::Damaged => "stop the server and restore a backup",
            Self::Away => "start the database, or see why it cannot be reached",
            Self::Slow => "look at the load of its disk",
        }
    }

    /// What an error says about the database; `None` when the statement is to blame.
    pub(super) fn of(error: &DbErr) -> Option<Self> {
        let (DbErr::Exec(error) | DbErr::Query(error) | DbErr::Conn(error)) = error else {
            return matches!(error, DbErr::ConnectionAcquire(_)).then_some(Self::Away);
        };
        let RuntimeErr::SqlxError(error) = error else { return None };
        match &**error {
            sqlx::Error::Database(error) => {
                let code = error.code()?;
                match error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
                    Some(_) => of_sqlite(&code),
                    None => of_postgres(&code),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Some(Self::Away),
            _ => None,
        }
    }
}

/// The codes of <https://sqlite.org/rescode.html>; the lowest byte is the kind.
fn of_sqlite(code: &str) -> Option<Trouble> {
    match code.parse::<u32>().ok()? & 0xff {
        5 | 6 => Some(Trouble::Locked),
        8 => Some(Trouble::ReadOnly),
        // Also the file that all connections share as memory, when there is no room for it.
        10 | 14 => Some(Trouble::Disk),
        11 | 26 => Some(Trouble::Damaged),
        13 => Some(Trouble::Full),
        _ => None,
    }
}

/// The codes of <https://www.postgresql.org/docs/current/errcodes-appendix.html>; two characters are the class.
fn of_postgres(code: &str) -> Option<Trouble> {
    match (code.get(..2)?, code) {
        (_, "53100") => Some(Trouble::Full),
        (_, "25006") => Some(Trouble::ReadOnly),
        ("58", _) => Some(Trouble::Disk),
        ("XX", "XX001" | "XX002") => Some(Trouble::Damaged),
        ("08" | "53" | "57", _) => Some(Trouble::Away),
        _ => None,
    }
}
