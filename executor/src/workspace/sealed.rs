//! Git itself, sealed: no settings but our own, no hooks, filters, helpers or prompts. It reads what libgit2 cannot.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use api::executor::GitFailure;

use super::failure;
use crate::git::failed;

/// All the settings that git sees. What the agent's `.git/config` says is never read.
const CONFIG: &str = "[core]
\trepositoryformatversion = 0
\tfilemode = true
\tsymlinks = true
\tbare = false
\tlogallrefupdates = false
\thooksPath = /dev/null
\tfsmonitor = false
\tuntrackedCache = false
\tcommitGraph = false
\tmultiPackIndex = false
\tautocrlf = false
\tsafecrlf = false
\tquotePath = false
\tprotectHFS = false
\tprotectNTFS = false
\tattributesFile = /dev/null
\texcludesFile = /dev/null
[gc]
\tauto = 0
[maintenance]
\tauto = false
[pack]
\tthreads = 2
[user]
\tuseConfigOnly = true
";

/// How much of what git says is remembered, in bytes.
const SAID: usize = 16 << 10;

/// One git directory of ours, and the folder whose files it looks at.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) git_dir: PathBuf,
    pub(super) work_tree: PathBuf,
    /// An index other than the git directory's.
    pub(super) index: Option<PathBuf>,
    /// When commits are made; `None` is now.
    pub(super) date: Option<String>,
}

impl Sealed {
    /// Makes a git directory that borrows the objects of these folders.
    pub(super) fn create(git_dir: &Path, work_tree: &Path, objects: &[PathBuf]) -> io::Result<Self> {
        for folder in ["objects/info", "objects/pack", "refs/heads"] {
            fs::create_dir_all(git_dir.join(folder))?;
        }
        fs::write(git_dir.join("HEAD"), "ref: refs/heads/none\n")?;
        fs::write(git_dir.join("config"), CONFIG)?;
        let sealed =
            Self { git_dir: git_dir.to_owned(), work_tree: work_tree.to_owned(), index: None, date: None };
        objects.iter().try_for_each(|folder| sealed.borrow_objects(folder))?;
        Ok(sealed)
    }

    /// A git directory that is there already.
    pub(super) fn at(git_dir: &Path, work_tree: &Path) -> Self {
        Self { git_dir: git_dir.to_owned(), work_tree: work_tree.to_owned(), index: None, date: None }
    }

    /// Adds a setting of ours to those of this directory.
    pub(super) fn set(&self, key: &str, value: &str) -> io::Result<()> {
        let (section, name) = key.split_once('.').unwrap_or(("core", key));
        let mut file = fs::OpenOptions::new().append(true).open(self.git_dir.join("config"))?;
        file.write_all(format!("[{section}]\n\t{name} = {value}\n").as_bytes())
    }

    /// The same with another index.
    pub(super) fn with_index(&self, index: &Path) -> Self {
        Self { index: Some(index.to_owned()), ..self.clone() }
    }

    /// Lets git find objects in this folder as well.
    pub(super) fn borrow_objects(&self, folder: &Path) -> io::Result<()> {
        use std::os::unix::ffi::OsStrExt;
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.git_dir.join("objects/info/alternates"))?;
        file.write_all(&[folder.as_os_str().as_bytes(), b"\n"].concat())
    }

    /// The files of a folder of objects, relative to it.
    pub(super) fn object_files(objects: &Path) -> Vec<PathBuf> {
        let folders = fs::read_dir(objects).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let folders = folders.filter(|name| name == "pack" || name.len() == 2);
        let files = folders.flat_map(|folder| {
            let files = fs::read_dir(objects.join(&folder)).into_iter().flatten().flatten();
            files.map(move |file| Path::new(&folder).join(file.file_name())).collect::<Vec<_>>()
        });
        files.filter(|file| file.extension().is_none_or(|end| end == "pack" || end == "idx")).collect()
    }

    /// A git command in the work tree.
    pub(super) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("git");
        // A worker's environment is fresh: nothing in it is the agent's.
        command
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_DIR", &self.git_dir)
            .env("GIT_WORK_TREE", &self.work_tree);
        if let Some(index) = &self.index {
            command.env("GIT_INDEX_FILE", index);
        }
        if let Some(date) = &self.date {
            command.env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date);
        }
        command.current_dir(&self.work_tree).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What a command prints. Fails when git does.
    pub(super) fn read<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>, GitFailure> {
        self.feed(arguments, &[])
    }

    /// What a command prints as one word.
    pub(super) fn word<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, GitFailure> {
        Ok(String::from_utf8_lossy(&self.read(arguments)?).trim().to_owned())
    }

    /// What a command prints that is given this on its standard input.
    pub(super) fn feed<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Result<Vec<u8>, GitFailure> {
        let output = self.run(arguments, input)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(told(&String::from_utf8_lossy(&output.stderr)))
    }

    /// Runs a command and hands over each line that it says on the way.
    pub(super) fn watch<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        mut tell: impl FnMut(&str),
    ) -> Result<(), GitFailure> {
        let system = failure::system("running git");
        let mut child = self.command(arguments).stdout(Stdio::null()).spawn().map_err(&system)?;
        let (mut said, mut line) = (String::new(), Vec::new());
        for byte in child.stderr.take().into_iter().flat_map(|pipe| io::BufReader::new(pipe).bytes()) {
            match byte.map_err(&system)? {
                // A line of progress is written over.
                b'\r' | b'\n' => {
                    let text = String::from_utf8_lossy(&line).into_owned();
                    tell(&text);
                    if said.len() < SAID {
                        said.push_str(&text);
                        said.push('\n');
                    }
                    line.clear();
                }
                byte => line.push(byte),
            }
        }
        let status = child.wait().map_err(system)?;
        if status.success() { Ok(()) } else { Err(told(&said)) }
    }

    /// Whether a command succeeds.
    pub(super) fn holds<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> bool {
        self.run(arguments, input).is_ok_and(|output| output.status.success())
    }

    /// Runs a command to its end, whatever that is.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Result<Output, GitFailure> {
        let system = failure::system("running git");
        let mut command = self.command(arguments);
        if input.is_empty() {
            return command.output().map_err(system);
        }
        let mut child = command.stdin(Stdio::piped()).spawn().map_err(&system)?;
        let stdin = child.stdin.take();
        std::thread::scope(|scope| {
            // Git may print before it has read everything: both must go on at once.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            child.wait_with_output().map_err(system)
        })
    }
}

/// What git's own words mean.
fn told(said: &str) -> GitFailure {
    if said.contains("No space left on device") || said.contains("Disk quota exceeded") {
        return failure::disk_full();
    }
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("Updating files:")).collect();
    failed(format!("git failed: {}", lines.join("\n").trim()))
}

/// The parts of output that ends each part with NUL.
pub(super) fn parts(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.split(|byte| *byte == 0).filter(|part| !part.is_empty())
}
