//! A model that plays a script: for tests, the demo and dry runs. The agent, its container and its git
//! are the real ones; only the answers are written down beforehand, and they cost nothing unless the
//! operator gave their model a price.
//!
//! ```json
//! {"chunk": 16, "delay_ms": 5,
//!  "turns": [TURN, …],
//!  "conversations": [
//!     {"match": {"prompt": "…", "first_prompt": "…", "system": "…", "model": "…"},
//!      "count_from": "start | prompt", "turns": [TURN, …]}],
//!  "side": [{"match": {…}, "text": "…"}],
//!  "default": TURN,
//!  "variables": {"NAME": "value"}}
//! ```
//!
//! The turn is chosen by the number of the model's messages that the request already has, so a resumed
//! session goes on where its history ends; with `"count_from": "prompt"` only those since the last human
//! prompt count. A conversation without turns left answers `default` (`Done.`). A `match` is of regular
//! expressions, all of which must be found; a dot matches line ends, look-around and back-references are
//! not to be had. `side` answers requests without tools (titles, …) and compaction, after which turns
//! count from 0 again; without a rule the answer is a summary, a smallest value of the asked-for schema,
//! or a title.
//!
//! ```json
//! TURN = {"thinking": "…", "text": "…", "tools": [{"name": "Bash", "input": {…}}],
//!         "blocks": [raw content blocks instead of the three above],
//!         "stop_reason": "…", "usage": {"input_tokens": 10, …}, "model": "…",
//!         "headers": {"anthropic-ratelimit-unified-status": "allowed_warning", …},
//!         "errors": [{"status": 529, "times": 2, "type": "…", "message": "…", "headers": {…}}],
//!         "before_ms": 0, "delay_ms": 5, "chunk": 16,
//!         "hang": true | "silent", "cut": true, "stream_error": "overloaded_error"}
//! ```
//!
//! `errors` are answered first, `times` each, counted by run, conversation, turn and first prompt.
//! `hang` says all but the end and then pings, or nothing; `cut` drops the connection there;
//! `stream_error` sends an error event there. In every string of a turn `${cwd}`, `${prompt}`,
//! `${session}` and the variables are filled in.

mod body;
mod choose;
mod fill;
mod message;
mod player;
mod reminders;
mod request;
mod script;
mod stream;

#[cfg(test)]
mod examples;

pub(super) use body::ROOM_OF_RUN;
pub use player::Player;
