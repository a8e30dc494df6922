//! The world's repositories: real ones, served over HTTP.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{World, output};

impl World {
    /// A fresh bare repository with one commit on `main`; answers its URL.
    pub fn repository(&self, name: &str) -> String {
        let bare = self.bare(name);
        let work = self.dir.path().join(format!("work-{name}"));
        let shown = |path: &Path| path.display().to_string();
        git(&["init", "--quiet", "--bare", "--initial-branch=main", &shown(&bare)]);
        git(&["-C", &shown(&bare), "config", "http.receivepack", "true"]);
        git(&["clone", "--quiet", &shown(&bare), &shown(&work)]);
        self.commit(name, "README.md", "# Sample\n");
        self.git.url(&format!("{name}.git"))
    }

    /// Adds a file to `main` of a repository.
    pub fn commit(&self, name: &str, file: &str, content: &str) {
        let work = self.dir.path().join(format!("work-{name}"));
        let path = work.join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        let work = work.display().to_string();
        git(&["-C", &work, "add", "--all"]);
        git(&[
            "-C",
            &work,
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@localhost",
            "commit",
            "--quiet",
            "-m",
            file,
        ]);
        git(&["-C", &work, "push", "--quiet", "origin", "HEAD:main"]);
    }

    /// A bare repository without a commit.
    pub fn empty_repository(&self, name: &str) -> String {
        git(&["init", "--quiet", "--bare", &self.bare(name).display().to_string()]);
        self.git.url(&format!("{name}.git"))
    }

    /// The URL a repository of this name would have.
    pub fn url(&self, name: &str) -> String {
        self.git.url(&format!("{name}.git"))
    }

    fn bare(&self, name: &str) -> PathBuf {
        self.dir.path().join("git").join(format!("{name}.git"))
    }

    /// What git says of a repository.
    pub fn git(&self, name: &str, arguments: &[&str]) -> String {
        let bare = self.bare(name).display().to_string();
        git(&[&["-C", &bare], arguments].concat())
    }

    /// What the server does when somebody pushes: this shell script decides.
    pub fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let hook = self.bare(name).join("hooks/pre-receive");
        std::fs::write(&hook, format!("#!/bin/sh\n{script}\n")).expect("a hook");
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    }
}

fn git(arguments: &[&str]) -> String {
    output(Command::new("git").args(arguments))
}
