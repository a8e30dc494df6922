//! The folded part of the form: what the container is made from, what it may reach, and what it is given.

use api::{run::wire_name, task::RepositorySettings};
use leptos::prelude::*;

use super::text::Text;
use crate::{
    components::Field,
    state::{
        failure::Failure,
        form::{self, TaskForm},
    },
};

/// Container and network. Open where something is set, or refused.
#[component]
pub(super) fn Container(form: RwSignal<TaskForm>, failure: RwSignal<Option<Failure>>) -> impl IntoView {
    let is_set = form.with_untracked(TaskForm::has_container);
    let open = Memo::new(move |_| is_set || failure.read().as_ref().is_some_and(form::is_of_container));
    let settings_error = Signal::derive(move || failure.read().as_ref()?.at("repositorySettings"));
    let chosen = form.read_untracked().settings;
    let options = form::SETTINGS.map(|(settings, words)| {
        view! { <option value=wire_name(&settings) selected=settings == chosen>{words}</option> }
    });
    let options = options.into_iter().collect_view();
    let choose = move |event| {
        let trusted = event_target_value(&event) == wire_name(&RepositorySettings::Trusted);
        form.write().settings =
            if trusted { RepositorySettings::Trusted } else { RepositorySettings::Ignored };
    };
    view! {
        <details class="panel fold" prop:open=move || open.get()>
            <summary data-testid="task-container">"Container and network"</summary>
            <div class="editor">
                <Text form failure at=|form| &mut form.egress name="egress" label="May reach" rows=3 testid="task-egress"
                    hint="One a line: example.org (ports 80 and 443), *.example.org, host:port, an address or a network such as 10.1.0.0/16, or what a tool is configured for: tool:npm, tool:pip, tool:cargo, tool:apt. The model and the repository need no line."
                    placeholder="nothing but the model and the repository"/>
                <Text form failure at=|form| &mut form.env name="env" label="Environment" rows=3 testid="task-env"
                    hint="One a line: NAME=value, which everybody may read, or NAME=secret:SECRETNAME for a secret that the server keeps."
                    placeholder="NPM_TOKEN=secret:npm"/>
                <div class="pair">
                    <Text form failure at=|form| &mut form.image name="image" label="Image" testid="task-image"
                        hint="Blank is the server's." placeholder="the server's image"/>
                    <Text form failure at=|form| &mut form.models name="models" label="Allowed models" rows=1 testid="task-models"
                        hint="One a line: a name, or its beginning and *. Blank is any." placeholder="any"/>
                </div>
                <Field label="The repository's settings for the agent" hint="Its instructions (CLAUDE.md) are read either way." error=settings_error>
                    <select data-testid="task-settings" on:change=choose>{options}</select>
                </Field>
                <Text form failure at=|form| &mut form.submodules name="submodules" label="Submodules" rows=1 testid="task-submodules"
                    hint="Further repositories that a run may read, one a line. They are checked out with it." placeholder="none"/>
            </div>
        </details>
    }
}
