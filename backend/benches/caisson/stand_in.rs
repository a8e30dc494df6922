//! Runs that live for as long as they are wanted: real containers, in which a shell script stands in for the agent.

use api::{event::EventBody, id::RunId};
use jsonrpsee::ws_client::WsClient;

use crate::{
    harness::{World, create_task, docker, image_with, launch_of, step},
    scale::Scale,
};

/// What the stand-in prints for each word it is given.
pub const LINES: usize = 2_000;
/// How many are started at once: the engine answers a hundred at once too late.
const AT_ONCE: usize = 25;

/// Says that it began, takes its instructions, then prints its lines, of 1 KB each, whenever it hears a word.
const AGENT: [&str; 4] =
    ["#!/bin/sh", "cat /stand-in/init", "read -r prompt", "while read -r word; do cat /stand-in/lines; done"];
const INIT: &str = r#"{"type":"system","subtype":"init","session_id":"stand-in","model":"none"}"#;

/// A server, a process of its own, with runs that live.
pub struct Crowd {
    pub world: World,
    pub client: WsClient,
    /// Each with the number of the last event that was seen of it.
    pub runs: Vec<(RunId, i64)>,
}

impl Crowd {
    /// A server with 50 runs, and room for more.
    pub async fn few(scale: Scale) -> Self {
        let (image, slots) = (image(), many(scale));
        let world = World::start_apart(&[&format!("--image={image}"), &format!("--slots={slots}")]).await;
        world.repository("crowd");
        let client = world.client().await;
        let mut crowd = Self { world, client, runs: Vec::new() };
        crowd.grow(scale.of(50, 2)).await;
        crowd
    }

    /// Makes them 200.
    pub async fn grow_to_many(&mut self, scale: Scale) {
        self.grow(many(scale)).await;
    }

    /// Starts runs until there are this many, and waits until the agent of each has begun.
    async fn grow(&mut self, to: usize) {
        let task = create_task(&self.client, vec![step("Wait.", &[])]).await;
        let repository = self.world.url("crowd");
        while self.runs.len() < to {
            let mut begun = Vec::new();
            for _ in self.runs.len()..to.min(self.runs.len() + AT_ONCE) {
                begun.push(launch_of(&self.client, task.id, &repository).await);
            }
            for run in begun {
                let seen = seen(&self.client, run, 0, |body| matches!(body, EventBody::Agent(_))).await;
                self.runs.push((run, seen));
            }
        }
    }

    /// Ends everything at once; nobody waits for the runs.
    pub async fn disperse(mut self) {
        self.world.kill().await;
        let containers = self.world.containers();
        docker(
            &[&["rm", "--force"], containers.iter().map(String::as_str).collect::<Vec<_>>().as_slice()]
                .concat(),
        );
    }
}

/// The number of the first event after `after` for which this holds.
pub async fn seen(client: &WsClient, run: RunId, after: i64, wanted: impl Fn(&EventBody) -> bool) -> i64 {
    use api::{rpc::runs::RunsApiClient, stream::Frame};
    let mut frames = client.on_message(run, Some(after)).await.expect("a subscription");
    loop {
        match crate::harness::within("the next frame", frames.next()).await.expect("no cut").expect("a frame")
        {
            Frame::Item { event } if wanted(&event.body) => return event.seq,
            Frame::End => panic!("the run has ended"),
            _ => {}
        }
    }
}

fn many(scale: Scale) -> usize {
    scale.of(200, 3)
}

fn image() -> String {
    let filler = "lorem ipsum ".repeat(75);
    let line = format!(
        r#"{{"type":"assistant","message":{{"content":[{{"type":"text","text":"%06.0f {filler}"}}]}}}}"#
    );
    let agent = AGENT.map(|line| format!("'{line}'")).join(" ");
    let recipe = format!(
        "RUN mkdir /stand-in && echo '{INIT}' > /stand-in/init \\\n\
         && seq -f '{line}' {LINES} > /stand-in/lines \\\n\
         && printf '%s\\n' {agent} > /usr/local/bin/claude"
    );
    image_with("stand-in", &recipe)
}
