//! `caisson doctor`: what works, what does not, and what to do about it.

use std::{borrow::Cow, process::ExitCode};

use api::{
    Timestamp,
    error::ApiError,
    rpc::system::SystemApiClient,
    system::{API_VERSION, Part, Status, Version},
};
use serde::Serialize;

use super::{
    client::{Client, Server},
    failure::{FAILED, Failure},
    output::Output,
    render::line::Line,
};

/// How far the clocks of this machine and of the server may be apart, in seconds.
const APART: i64 = 60;

/// What was found.
#[derive(Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    name: Cow<'static, str>,
    #[serde(flatten)]
    part: Part,
}

/// Looks at the way to the server and at everything the server needs.
pub(super) async fn run(server: &Server, output: &Output) -> Result<ExitCode, Failure> {
    let mut checks = Vec::new();
    let examined = match server.connect().await {
        Ok(client) => examine(&client, &mut checks).await,
        Err(failure) => Err(failure),
    };
    let code = match &examined {
        Ok(()) if checks.iter().all(|check| check.part.ok) => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(FAILED),
        Err(failure) => {
            let name = match failure {
                Failure::Refused(ApiError::Unavailable { what, .. }) if what == "database" => "database",
                Failure::Refused(_) => "token",
                _ => "server",
            };
            checks.push(finding(name, false, failure.to_string()));
            failure.exit_code()
        }
    };
    let ok = checks.iter().all(|check| check.part.ok);
    output.answer(&Report { ok, checks }, |report| report.checks.iter().map(line).collect())?;
    Ok(code)
}

async fn examine(client: &Client, checks: &mut Vec<Finding>) -> Result<(), Failure> {
    let Version { version, api, commit } = SystemApiClient::version(&client.rpc).await?;
    let address = client.server.address();
    checks.push(finding("server", true, format!("{address}, version {version} ({commit})")));
    if api != API_VERSION {
        let why = format!(
            "the server speaks version {api} of the API, this client version {API_VERSION}: use the same version of both"
        );
        checks.push(finding("version", false, why));
    }
    let Status { runs, instances, slots, database, engine, image, model, now, findings, .. } =
        SystemApiClient::status(&client.rpc).await?;
    checks.push(finding("token", true, "accepted".to_owned()));
    for (name, part) in [("database", database), ("engine", engine), ("image", image), ("model", model)] {
        checks.push(Finding { name: name.into(), part });
    }
    let total: u64 = runs.values().sum();
    let work = format!("{total} in all, {instances} at work in {slots} places");
    checks.push(finding("runs", true, work));
    checks.extend(
        findings.into_iter().map(|found| Finding {
            name: found.name.into(),
            part: Part { ok: found.ok, detail: found.detail },
        }),
    );
    if let Some(apart) = now.map(|now| Timestamp::now().duration_since(now).as_secs().abs())
        && APART < apart
    {
        let why =
            format!("the clocks of this machine and of the server are {apart} s apart: let NTP set them");
        checks.push(finding("clocks", false, why));
    }
    Ok(())
}

const fn finding(name: &'static str, ok: bool, detail: String) -> Finding {
    Finding { name: Cow::Borrowed(name), part: Part { ok, detail } }
}

fn line(finding: &Finding) -> Line {
    Line::mark(finding.part.ok, &finding.name, &finding.part.detail)
}
