//! What a task's runs may reach through the broker: models, and further repositories.

use api::{error::ApiError, task::TaskSpec};

use crate::app::repository;

/// The most models a task may name.
const MAX_MODELS: usize = 50;
/// The longest name of a model, in bytes.
const MAX_MODEL: usize = 200;
/// The most further repositories a task may name.
const MAX_SUBMODULES: usize = 100;
/// What the agent calls a family of models; it asks for one of them by its full name.
const ALIASES: [&str; 3] = ["opus", "sonnet", "haiku"];

pub(super) fn check(spec: &TaskSpec) -> Result<(), ApiError> {
    if MAX_MODELS < spec.models.len() {
        return Err(ApiError::invalid("models", format!("names more than {MAX_MODELS} models")));
    }
    for (at, model) in spec.models.iter().enumerate() {
        check_model(&format!("models[{at}]"), model)?;
    }
    if let Some(model) = &spec.model
        && !spec.models.is_empty()
        && !spec.models.iter().any(|allowed| may_be(allowed, model))
    {
        return Err(ApiError::invalid("model", format!("{model} is not among this task's `models`")));
    }
    if MAX_SUBMODULES < spec.submodules.len() {
        return Err(ApiError::invalid(
            "submodules",
            format!("names more than {MAX_SUBMODULES} repositories"),
        ));
    }
    for (at, other) in spec.submodules.iter().enumerate() {
        if let Err(ApiError::Invalid { why, .. }) = repository::parse(other) {
            return Err(ApiError::invalid(format!("submodules[{at}]"), why));
        }
    }
    Ok(())
}

fn check_model(field: &str, model: &str) -> Result<(), ApiError> {
    let refuse = |why: String| Err(ApiError::invalid(field, why));
    if model.trim().is_empty() {
        return refuse("is blank: for example `claude-sonnet-*`".to_owned());
    }
    if MAX_MODEL < model.len() {
        return refuse(format!("is longer than {MAX_MODEL} bytes"));
    }
    let name = model.strip_suffix('*').unwrap_or(model);
    if name.contains('*') || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("is not the name of a model, or its beginning and `*`".to_owned());
    }
    if ALIASES.contains(&model) {
        return refuse(format!(
            "is short for a name that the agent asks for in full: write `claude-{model}-*`"
        ));
    }
    Ok(())
}

/// Checks that the model of a task that names none, the server's, is among those it allows.
///
/// # Errors
/// `Invalid`, for the field `model`.
pub(in crate::app) fn check_default(spec: &TaskSpec, model: &str) -> Result<(), ApiError> {
    if spec.model.is_some() || spec.models.is_empty() || spec.models.iter().any(|it| may_be(it, model)) {
        return Ok(());
    }
    let why = format!("is needed: the server's own, {model}, is not among this task's `models`");
    Err(ApiError::invalid("model", why))
}

/// Whether this entry can allow this model. What an alias stands for is not known here, but its beginning.
fn may_be(allowed: &str, model: &str) -> bool {
    // `sonnet[1m]` is a way to ask for `sonnet`.
    let model = model.split('[').next().unwrap_or(model);
    let (beginning, is_open) = allowed.strip_suffix('*').map_or((allowed, false), |text| (text, true));
    if ALIASES.contains(&model) {
        let family = format!("claude-{model}-");
        return beginning.starts_with(&family) || (is_open && family.starts_with(beginning));
    }
    if is_open { model.starts_with(beginning) } else { model == beginning }
}

#[cfg(test)]
mod tests {
    use api::task::Step;

    use super::*;

    fn refusal(change: impl FnOnce(&mut TaskSpec)) -> Option<String> {
        let mut spec =
            TaskSpec::new("A task", vec![Step { instructions: "Do it.".into(), checks: Vec::new() }]);
        change(&mut spec);
        check(&spec).err().map(|error| error.to_string())
    }

    fn models(model: Option<&str>, models: &[&str]) -> Option<String> {
        refusal(|task| {
            task.model = model.map(str::to_owned);
            task.models = models.iter().map(|&model| model.to_owned()).collect();
        })
    }

    #[test]
    fn the_models_of_a_task_are_names_or_beginnings() {
        assert_eq!(models(None, &["claude-sonnet-5-5", "claude-haiku-*", "*"]), None);
        for wrong in ["", " ", "a*b", "**", "a b", "sonnet", "opus", &"x".repeat(201)] {
            let refusal = models(None, &["claude-sonnet-5-5", wrong]).expect(wrong);
            assert!(refusal.starts_with("models[1]: "), "{refusal}");
        }
        assert!(models(None, &["x"; 51]).is_some_and(|refusal| refusal.starts_with("models: ")));
    }

    #[test]
    fn the_tasks_own_model_must_be_among_them() {
        for (model, allowed, is_fine) in [
            ("claude-sonnet-5-5", "claude-sonnet-5-5", true),
            ("claude-sonnet-5-5", "claude-sonnet-*", true),
            ("sonnet", "claude-sonnet-*", true),
            ("sonnet[1m]", "claude-sonnet-*", true),
            ("sonnet", "claude-sonnet-5-5", true),
            ("sonnet", "claude-*", true),
            ("sonnet", "*", true),
            ("sonnet", "claude-opus-*", false),
            ("claude-opus-5-5", "claude-sonnet-*", false),
            ("claude-sonnet-5-5", "claude-sonnet-5", false),
        ] {
            assert_eq!(models(Some(model), &[allowed]).is_none(), is_fine, "{model} {allowed}");
        }
        assert_eq!(models(Some("claude-opus-5-5"), &[]), None);
    }

    #[test]
    fn a_task_without_a_model_needs_one_when_the_servers_is_not_among_them() {
        let task = |model: Option<&str>, models: &[&str]| TaskSpec {
            model: model.map(str::to_owned),
            models: models.iter().map(|&model| model.to_owned()).collect(),
            ..TaskSpec::new("A task", Vec::new())
        };
        for fine in [task(None, &[]), task(None, &["claude-sonnet-*"]), task(Some("x"), &["x"])] {
            assert_eq!(check_default(&fine, "claude-sonnet-5-5"), Ok(()));
        }
        let refused = check_default(&task(None, &["claude-haiku-*"]), "claude-sonnet-5-5").unwrap_err();
        assert!(refused.to_string().starts_with("model: is needed: the server's own, claude-sonnet-5-5"));
    }

    #[test]
    fn further_repositories_must_be_repositories() {
        assert_eq!(
            refusal(|task| task.submodules = vec!["acme/lib".into(), "git@example.org:lib".into()]),
            None
        );
        let wrong = refusal(|task| task.submodules = vec!["acme/lib".into(), "file:///etc".into()]);
        assert!(wrong.is_some_and(|refusal| refusal.starts_with("submodules[1]: ")));
    }
}
