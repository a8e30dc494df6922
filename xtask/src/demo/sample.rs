//! The demo's repository and its task. The script of the demo's model (backend/scripts/demo.json) fits both.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The repository's name on the git server.
pub(super) const NAME: &str = "greeter.git";

const FILES: [(&str, &str); 4] = [
    // Running the tests leaves compiled files, which nobody wants committed.
    (".gitignore", "__pycache__/\n"),
    (
        "greet.py",
        "\"\"\"Greetings.\"\"\"\n\n\ndef greet(name):\n    \"\"\"Greets someone by name.\"\"\"\n    return f\"Hello, {name}!\"\n",
    ),
    (
        "test_greet.py",
        "import unittest\n\nfrom greet import greet\n\n\nclass GreetTest(unittest.TestCase):\n    def \
         test_greets_by_name(self):\n        self.assertEqual(greet(\"Ada\"), \"Hello, Ada!\")\n\n\nif __name__ == \
         \"__main__\":\n    unittest.main()\n",
    ),
    (
        "README.md",
        "# Greeter\n\nSays hello.\n\n```python\nfrom greet import greet\n\nprint(greet(\"Ada\"))  # Hello, \
         Ada!\n```\n\nTests: `python3 -m unittest`\n",
    ),
];

/// The folder that the git server serves.
pub(super) fn served(folder: &Path) -> PathBuf {
    folder.join("repositories")
}

/// Makes the repository, unless it is there from an earlier demo. Answers with its path.
///
/// # Errors
/// When git is missing or the folder cannot be written.
pub(super) fn create(folder: &Path) -> Result<PathBuf> {
    let bare = served(folder).join(NAME);
    if bare.join("caisson-ready").exists() {
        return Ok(bare);
    }
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    for (name, content) in FILES {
        fs::write(work.path().join(name), content).with_context(|| format!("cannot write {name}"))?;
    }
    git(work.path(), &["init", "--quiet", "--initial-branch=main"])?;
    git(work.path(), &["add", "."])?;
    git(work.path(), &["commit", "--quiet", "--message", "A greeter"])?;
    fs::create_dir_all(&bare).with_context(|| format!("cannot make {}", bare.display()))?;
    let target = bare.display().to_string();
    git(&bare, &["init", "--quiet", "--bare", "--initial-branch=main"])?;
    git(work.path(), &["push", "--quiet", "--force", &target, "main"])?;
    // What lets `git http-backend` accept pushes without anyone signed in.
    git(&bare, &["config", "http.receivepack", "true"])?;
    fs::write(bare.join("caisson-ready"), "").context("cannot mark the repository as complete")?;
    Ok(bare)
}

/// What the agent is asked to do, as `caisson tasks create --file` takes it.
pub(super) fn task() -> Value {
    let check =
        |run: &str, expect: Option<&str>| json!({ "run": run, "timeoutSeconds": null, "expect": expect });
    json!({
        "name": "Say goodbye",
        "description": "The task of `cargo xtask demo`.",
        "steps": [
            {
                "instructions": "Add a farewell function to greet.py, with a test.\n\
                    farewell(name) returns \"Goodbye, NAME!\", as greet(name) returns \"Hello, NAME!\".",
                "checks": [check("python3 -m unittest -v", Some("test_farewell"))],
            },
            {
                "instructions": "Document it in the README.\n\
                    A short section with an example that works, in the style of what is there.",
                "checks": [check("grep -q farewell README.md", None)],
            },
        ],
    })
}

/// Runs git as nobody in particular: no setting of this machine plays a part.
fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(folder).args(arguments);
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.org"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.org"),
    ] {
        git.env(name, value);
    }
    let status = git.status().context("cannot start git; install it and try again")?;
    ensure!(status.success(), "git {} failed: {status}", arguments.join(" "));
    Ok(())
}
