//! What is spoken over the executor's standard input: one JSON object a line, in both directions.
//! Nobody else in the container can open this socket.

use serde::{Deserialize, Serialize};

/// What the executor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ToGate {
    /// The policy as a whole, in the place of the one before. Answered by [`FromGate::Policy`].
    Allow(Vec<String>),
}

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FromGate {
    /// The answer to [`ToGate::Allow`]: what is in force now.
    Policy {
        /// The entries in force, in their one spelling.
        allowed: Vec<String>,
        /// The entries that are none.
        refused: Vec<RefusedEntry>,
    },
    /// Something was refused.
    Denied {
        /// What and how often.
        denied: Denied,
    },
    /// Something a person may want to know that is no refusal.
    Notice {
        /// What.
        notice: Notice,
    },
}

/// An entry that is no host rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedEntry {
    /// The entry, made printable.
    pub entry: String,
    /// The sentence with the remedy.
    pub why: String,
}

/// Attempts to reach one host at one port that were refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Denied {
    /// The name asked for, or the address where no name is known; `(more hosts)` when there are too many.
    pub host: String,
    /// The port; none for a question to the DNS.
    pub port: Option<u16>,
    /// Why, in a sentence that says what to do.
    pub why: String,
    /// How often since the container started: always the total, never what is new.
    pub count: u64,
    /// When it happened last, in milliseconds since 1970.
    pub last_at: u64,
    /// The local port of the process that tried last, to find it by.
    pub source_port: u16,
}

/// A sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The sentence; printable ASCII.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both_ways<T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug>(line: &str, value: T) {
        assert_eq!(serde_json::to_string(&value).unwrap(), line);
        assert_eq!(serde_json::from_str::<T>(line).unwrap(), value);
    }

    #[test]
    fn lines_are_written_so_and_read_back() {
        both_ways(r#"{"allow":["example.org"]}"#, ToGate::Allow(vec!["example.org".to_owned()]));
        let refused = vec![RefusedEntry { entry: "*".to_owned(), why: "no".to_owned() }];
        both_ways(
            r#"{"allowed":["example.org"],"refused":[{"entry":"*","why":"no"}]}"#,
            FromGate::Policy { allowed: vec!["example.org".to_owned()], refused },
        );
        let denied = Denied {
            host: "example.org".to_owned(),
            port: None,
            why: "no".to_owned(),
            count: 3,
            last_at: 17,
            source_port: 4711,
        };
        both_ways(
            r#"{"denied":{"host":"example.org","port":null,"why":"no","count":3,"lastAt":17,"sourcePort":4711}}"#,
            FromGate::Denied { denied },
        );
        let notice = Notice { text: "x".to_owned() };
        both_ways(r#"{"notice":{"text":"x"}}"#, FromGate::Notice { notice });
    }
}
