//! `caisson secrets`: sets, lists and deletes secrets. A value is never an argument, and never shown.

use std::{
    fs,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use api::{
    rpc::secrets::SecretsApiClient,
    secret::{SecretDeleted, SecretInfo, SecretsRotated},
};
use clap::Subcommand;

use super::{
    client::Server,
    failure::Failure,
    output::Output,
    render::line::{Line, Tone},
    table::table,
};
use crate::secret::Secret;

/// More than this is no value; the server says so, too.
const MAX_BYTES: u64 = 1 << 20;

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Stores a secret, or replaces its value. It is asked for, or read from standard input or a file; the end of its
    /// last line is no part of it.
    Set {
        /// What tasks call it.
        name: String,
        /// The file that holds the value; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        value_file: Option<PathBuf>,
    },
    /// Lists the secrets by name, without their values.
    Ls,
    /// Deletes a secret.
    Rm {
        /// Its name.
        name: String,
    },
    /// Encrypts every secret again with the newest key of the server.
    Rotate,
}

/// Does it.
pub(super) async fn run(server: &Server, verb: Verb, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Set { name, value_file } => {
            // Before there is a connection, which would not wait for a person.
            let value = read_value(&name, value_file.as_deref())?;
            let client = server.connect().await?;
            let set = SecretsApiClient::set(&client.rpc, name, value.expose().to_owned()).await?;
            output.answer(&set, stored)?;
        }
        Verb::Ls => {
            let client = server.connect().await?;
            output.answer(&SecretsApiClient::list(&client.rpc).await?, |secrets| list(secrets))?;
        }
        Verb::Rm { name } => {
            let client = server.connect().await?;
            output.answer(&SecretsApiClient::delete(&client.rpc, name).await?, deleted)?;
        }
        Verb::Rotate => {
            let client = server.connect().await?;
            output.answer(&SecretsApiClient::rotate(&client.rpc).await?, rotated)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The value from where it is said to be; without that from a person at the keyboard, or from a pipe.
fn read_value(name: &str, file: Option<&Path>) -> Result<Secret, Failure> {
    let failed =
        |what: String| move |error: io::Error| Failure::Usage(format!("cannot read {what}: {error}"));
    let value = match file {
        Some(path) if path != Path::new("-") => {
            let what = || failed(path.display().to_string());
            read(fs::File::open(path).map_err(what())?).map_err(what())?
        }
        None if io::stdin().is_terminal() => {
            let prompt = format!("Value of {name} (not shown): ");
            let typed = rpassword::prompt_password(prompt).map_err(failed("the terminal".to_owned()))?;
            Secret::new(typed)
        }
        Some(_) | None => read(io::stdin().lock()).map_err(failed("standard input".to_owned()))?,
    };
    Ok(without_line_end(&value))
}

fn read(from: impl Read) -> io::Result<Secret> {
    let mut text = String::new();
    from.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(Secret::new(text))
}

/// As a shell takes the output of a command.
fn without_line_end(value: &Secret) -> Secret {
    let text = value.expose();
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    Secret::new(text)
}

fn stored(info: &SecretInfo) -> Vec<Line> {
    vec![Line::flush().span(Tone::Plain, format!("secret {} is stored", info.name))]
}

fn deleted(answer: &SecretDeleted) -> Vec<Line> {
    let what = if answer.deleted { "deleted" } else { "was not there" };
    vec![Line::flush().span(Tone::Plain, format!("secret {} {what}", answer.name))]
}

fn rotated(answer: &SecretsRotated) -> Vec<Line> {
    let SecretsRotated { rotated, total } = answer;
    vec![Line::flush().span(Tone::Plain, format!("{rotated} of {total} secrets were encrypted again"))]
}

fn list(secrets: &[SecretInfo]) -> Vec<Line> {
    let time = |at: &api::Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    let row = |secret: &SecretInfo| {
        [secret.name.as_str().into(), time(&secret.created_at).into(), time(&secret.updated_at).into()]
    };
    let heads = ["NAME", "CREATED (UTC)", "UPDATED (UTC)"];
    let empty = "no secrets; store one with `caisson secrets set NAME`";
    table(heads, secrets.iter().map(row).collect(), empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_last_line_is_no_part_of_a_value() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, value) in [
            ("a value\n", "a value"),
            ("a\r\n", "a"),
            ("one\ntwo\n\n", "one\ntwo\n"),
            (" as it is ", " as it is "),
        ] {
            fs::write(file.path(), text).unwrap();
            assert_eq!(read_value("A", Some(file.path())).unwrap().expose(), value);
        }
        let missing = read_value("A", Some(Path::new("/no/such/file"))).unwrap_err();
        assert!(missing.to_string().contains("/no/such/file"), "{missing}");
    }
}
