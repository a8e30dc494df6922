//! The example scripts in `backend/scripts/` can be played, and the demo does what it says.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    choose::{choose, error_at},
    request::Request,
    script::{Hang, Script, Turn},
};

fn load(name: &str) -> Script {
    Script::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)).unwrap()
}

/// A session with a scripted model, as the agent keeps it.
struct Session {
    script: Script,
    messages: Vec<Value>,
}

impl Session {
    fn with(name: &str) -> Self {
        Self { script: load(name), messages: Vec::new() }
    }

    /// Says this, and plays turns until one calls no tool.
    fn say(&mut self, prompt: &str) -> Vec<Turn> {
        self.messages.push(json!({"role": "user", "content": prompt}));
        let mut turns = Vec::new();
        loop {
            let body = json!({"tools": [{}], "messages": self.messages});
            let turn = choose(&self.script, &Request::read(&body)).turn.into_owned();
            self.messages.push(json!({"role": "assistant", "content": [{"type": "tool_use"}]}));
            let calls_tools = !turn.tools.is_empty();
            turns.push(turn);
            assert!(turns.len() < 20, "no end in sight");
            if !calls_tools {
                return turns;
            }
            self.messages.push(json!({"role": "user", "content": [{"type": "tool_result"}]}));
        }
    }
}

fn tools(turns: &[Turn]) -> Vec<&str> {
    turns.iter().flat_map(|turn| &turn.tools).map(|tool| tool.name.as_str()).collect()
}

#[test]
fn the_demo_plays_its_two_steps_in_one_session_and_answers_a_failed_check() {
    let mut session = Session::with("demo.json");
    let first = session.say("Add a farewell function to greet.py.\nTest it.");
    assert_eq!(tools(&first), ["Read", "Read", "Edit", "Write", "Bash"]);
    assert!(first.last().unwrap().text.as_ref().unwrap().starts_with("Done."));
    let failed =
        session.say("The check `python3 -m unittest` failed with exit code 1:\n\nFAILED (failures=1)");
    assert_eq!(tools(&failed), ["Bash"]);
    let second = session.say("Document it in the README.");
    assert_eq!(tools(&second), ["Bash"; 3]);
    let again = session.say("The check `grep -q farewell README.md` did not pass.");
    assert_eq!(tools(&again), ["Bash"]);
    let other = session.say("Write me a poem.");
    assert!(other[0].text.as_ref().unwrap().contains("scripted model of the demo"));
}

#[test]
fn every_turn_of_the_examples_has_plausible_usage() {
    for name in ["demo.json", "slow.json", "errors.json"] {
        let script = load(name);
        let own = script.conversations.iter().flat_map(|conversation| &conversation.turns);
        for turn in own.chain(&script.turns) {
            let count = |key: &str| turn.usage[key].as_u64().unwrap();
            assert!((1..1000).contains(&count("output_tokens")), "{name}");
            assert!(
                12_000 < count("cache_read_input_tokens") + count("cache_creation_input_tokens"),
                "{name}"
            );
        }
    }
}

#[test]
fn the_slow_example_waits_in_a_tool_and_then_hangs() {
    let turns = Session::with("slow.json").say("Build it.");
    assert!(turns[0].tools[0].input["command"].as_str().unwrap().contains("(sleep 300 & wait)"));
    assert_eq!(turns[1].hang, Hang::Pinging);
    assert_eq!(Session::with("slow.json").say("Please hang.")[0].hang, Hang::Pinging);
    assert_eq!(Session::with("slow.json").say("Be silent.")[0].hang, Hang::Silent);
}

#[test]
fn the_errors_example_fails_in_every_way_and_succeeds() {
    let mut session = Session::with("errors.json");
    let turns = session.say("Look around.");
    let status = |attempt| error_at(&turns[0].errors, attempt).map(|error| error.status.as_u16());
    assert_eq!([0, 1, 2, 3].map(status), [Some(529), Some(529), Some(429), None]);
    assert!(turns[0].cut);
    // The agent keeps what came before the cut as an answer, and asks to go on.
    let rest = session.say("Your response above was cut off mid-stream. Resume directly.");
    assert_eq!(tools(&rest), ["Bash"]);
    assert!(rest.last().unwrap().text.as_ref().unwrap().starts_with("Done"));
}
