//! The promise "work goes out whole, or is named" on repositories as agents and git leave them on ordinary days.

/// Tests that differ only in what the agent does.
macro_rules! forms {
    ($check:ident: $($name:ident => $script:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            $check($script).await;
        }
    )+};
}

mod afterwards;
mod any_history;
mod broken;
mod commits;
mod conversion;
mod deletions;
mod elsewhere;
mod half_done;
mod kept;
mod later_steps;
mod nested;
mod odd_files;
mod out;
mod run;
mod saved;
mod submodule;
mod unreadable;
mod unwanted;
mod worktrees;
