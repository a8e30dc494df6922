//! Ids as people type them: whole, or the beginning or the end of one of the newest hundred.

use std::{fmt::Display, str::FromStr};

use api::{
    id::{BatchId, InstanceId, RunId, TaskId},
    rpc::{
        batches::BatchesApiClient, instances::InstancesApiClient, runs::RunsApiClient, tasks::TasksApiClient,
    },
    task::Task,
};

use super::{client::Client, failure::Failure};

/// How many of the newest a part of an id is looked for in; also the largest page to ask for at once.
pub(super) const NEWEST: u32 = 100;
/// Fewer characters than this would match by chance.
const SHORTEST: usize = 4;
/// Ids made within a minute begin alike, so the end is what tells them apart.
const SHORT_TAIL: usize = 8;

/// The short form of an id that lists show: its last eight characters.
pub(super) fn short(id: impl Display) -> String {
    let id = id.to_string();
    id[id.len().saturating_sub(SHORT_TAIL)..].to_owned()
}

/// The run that is meant.
pub(super) async fn run(client: &Client, text: &str) -> Result<RunId, Failure> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let page = RunsApiClient::list(&client.rpc, None, None, None, None, None, None, Some(NEWEST)).await?;
    pick("run", text, page.items.iter().map(|run| (run.id, run.task.name.as_str())))
}

/// The batch that is meant.
pub(super) async fn batch(client: &Client, text: &str) -> Result<BatchId, Failure> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let page = BatchesApiClient::list(&client.rpc, None, None, Some(NEWEST)).await?;
    pick("batch", text, page.items.iter().map(|batch| (batch.id, batch.name.as_str())))
}

/// The instance that is meant.
pub(super) async fn instance(client: &Client, text: &str) -> Result<InstanceId, Failure> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let page = InstancesApiClient::list(&client.rpc, None, None, Some(NEWEST)).await?;
    pick("instance", text, page.items.iter().map(|instance| (instance.id, instance.image.as_str())))
}

/// The task that is meant: by its name, else by its id.
pub(super) async fn task(client: &Client, text: &str) -> Result<TaskId, Failure> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let query = Some(text.to_owned());
    let named = TasksApiClient::list(&client.rpc, query, None, Some(NEWEST)).await?;
    let named: Vec<&Task> = named.items.iter().filter(|task| task.spec.name == text).collect();
    match named.as_slice() {
        [task] => return Ok(task.id),
        [] => {}
        several => return Err(ambiguous("task", text, several.iter().map(|task| described(task)))),
    }
    let page = TasksApiClient::list(&client.rpc, None, None, Some(NEWEST)).await?;
    pick("task", text, page.items.iter().map(|task| (task.id, task.spec.name.as_str())))
}

fn described(task: &Task) -> String {
    format!("{}  {}", task.id, task.spec.name)
}

/// The one candidate whose id begins or ends with `text`; dashes and case do not matter.
fn pick<'a, Id: Copy + Display + FromStr>(
    what: &'static str,
    text: &str,
    candidates: impl Iterator<Item = (Id, &'a str)>,
) -> Result<Id, Failure> {
    let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
    let wanted = plain(text);
    let is_part = wanted.len() >= SHORTEST && wanted.chars().all(|c| c.is_ascii_hexdigit());
    let found: Vec<(Id, &str)> = candidates
        .filter(|(id, _)| {
            let id = plain(&id.to_string());
            is_part && (id.starts_with(&wanted) || id.ends_with(&wanted))
        })
        .collect();
    match found.as_slice() {
        [(id, _)] => Ok(*id),
        [] if what == "task" => Err(Failure::NotFound(format!(
            "no task is named {text}, and no id of the newest {NEWEST} begins or ends with it; see `caisson tasks ls`"
        ))),
        [] if what == "batch" => Err(Failure::NotFound(format!(
            "no id of the newest {NEWEST} batches begins or ends with {text}; give the whole id, or see `caisson batch ls`"
        ))),
        [] => Err(Failure::NotFound(format!(
            "no id of the newest {NEWEST} {what}s begins or ends with {text}; give the whole id, or see `caisson {what}s ls`"
        ))),
        several => Err(ambiguous(what, text, several.iter().map(|(id, name)| format!("{id}  {name}")))),
    }
}

fn ambiguous(what: &str, text: &str, candidates: impl Iterator<Item = String>) -> Failure {
    let list: Vec<String> = candidates.map(|line| format!("\n  {line}")).collect();
    let plural = if what == "batch" { "es" } else { "s" };
    Failure::Usage(format!("{text} could be any of {} {what}{plural}:{}", list.len(), list.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> Vec<(RunId, &'static str)> {
        let id = |text: &str| text.parse().expect("an id");
        vec![
            (id("019a0000-0000-7000-8000-00000000abcd"), "one"),
            (id("019a0000-0000-7000-8000-0000111122ef"), "two"),
            (id("019b0000-0000-7000-8000-0000333344ef"), "three"),
        ]
    }

    fn found(text: &str) -> Result<RunId, String> {
        pick("run", text, runs().into_iter()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn an_end_or_a_beginning_that_only_one_id_has_is_enough() {
        assert_eq!(found("abcd"), Ok(runs()[0].0));
        assert_eq!(found("019B-0000"), Ok(runs()[2].0));
        assert_eq!(found(&short(runs()[1].0)), Ok(runs()[1].0));
    }

    #[test]
    fn a_part_that_several_ids_have_lists_them() {
        let error = found("019a0000").expect_err("two begin so");
        assert!(error.contains("any of 2 runs"), "{error}");
        assert!(error.contains("00000000abcd  one") && error.contains("0000111122ef  two"), "{error}");
    }

    #[test]
    fn too_short_or_unknown_parts_find_nothing() {
        for text in ["ef", "", "ffffffff", "not an id"] {
            assert!(found(text).expect_err("nothing").contains("caisson runs ls"), "{text}");
        }
    }
}
