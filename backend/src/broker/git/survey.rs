//! What a repository has, and whether it may be pushed to: asked by Caisson itself before a run costs anything.

use api::executor::{GitFailureCode as Code, Told, words};
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::{Buf, BytesMut};
use futures::StreamExt;
use url::Url;

use super::{
    pkt_line::{self, Line},
    target::{Service, Target},
    trouble::Trouble,
    upstream::Ask,
};
use crate::broker::Broker;

/// Some forges answer only clients that call themselves git.
const USER_AGENT: HeaderValue = HeaderValue::from_static("git/2.47.0 (caisson)");
/// The most names that are kept.
const MOST_NAMES: usize = 1_000_000;

/// What a repository has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The full names of its references, as far as they are UTF-8.
    pub names: Vec<String>,
    /// Whether its objects have SHA-256 names.
    pub sha256: bool,
}

impl Broker {
    /// Asks what a repository has.
    ///
    /// # Errors
    /// Why it does not say; with `Interrupted` another try may help.
    pub async fn survey(&self, repository: &Url) -> Result<Survey, Told> {
        self.references(repository, Service::UploadPack).await.map_err(|trouble| trouble.told())
    }

    /// Asks whether a repository may be pushed to.
    ///
    /// # Errors
    /// Why not; with `Interrupted` another try may help.
    pub async fn may_push(&self, repository: &Url) -> Result<(), Told> {
        self.references(repository, Service::ReceivePack).await.map(drop).map_err(|trouble| trouble.told())
    }

    async fn references(&self, repository: &Url, service: Service) -> Result<Survey, Trouble> {
        let target = Target::references(repository, service);
        let headers = HeaderMap::from_iter([(header::USER_AGENT, USER_AGENT)]);
        let ask = Ask { target: &target, repository, headers: &headers, body: None, with_length: false };
        let mut pieces = self.ask(ask).await?.into_body().into_data_stream();
        let (mut reader, mut held) = (Reader::default(), BytesMut::new());
        loop {
            while let Some((line, length)) = pkt_line::first(&held).map_err(|_| nonsense())? {
                if reader.read(line)? {
                    return Ok(reader.survey);
                }
                held.advance(length);
            }
            match pieces.next().await {
                Some(Ok(piece)) => held.extend_from_slice(&piece),
                _ => {
                    return Err(Trouble::new(
                        Code::Interrupted,
                        "the git server's list of branches broke off",
                    ));
                }
            }
        }
    }
}

fn nonsense() -> Trouble {
    Trouble::new(Code::Network, "the server does not speak git's protocol: check the repository's address")
}

/// Reads an advertisement line by line.
#[derive(Default)]
struct Reader {
    survey: Survey,
    /// Whether a line of the list itself has come; smart HTTP says something before it, and ends that as well.
    has_begun: bool,
}

impl Reader {
    /// Answers whether this was the last line.
    fn read(&mut self, line: Line<'_>) -> Result<bool, Trouble> {
        let Line::Data(line) = line else { return Ok(std::mem::replace(&mut self.has_begun, true)) };
        if line.starts_with(b"# service=") {
            return Ok(false);
        }
        self.has_begun = true;
        if let Some(why) = line.strip_prefix(b"ERR ") {
            return Err(Trouble::new(Code::Network, format!("the remote says: {}", words(why))));
        }
        let mut parts = line.splitn(2, |&byte| byte == 0);
        let (reference, capabilities) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        self.survey.sha256 |= words(capabilities).split(' ').any(|it| it == "object-format=sha256");
        let name = reference.trim_ascii_end().splitn(2, |&byte| byte == b' ').nth(1).unwrap_or_default();
        let name = str::from_utf8(name).ok().filter(|name| *name == "HEAD" || name.starts_with("refs/"));
        let room = self.survey.names.len() < MOST_NAMES;
        self.survey.names.extend(name.filter(|name| room && !name.ends_with("^{}")).map(str::to_owned));
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[Line<'_>]) -> Result<Survey, Trouble> {
        let mut reader = Reader::default();
        let last = lines.iter().map(|line| reader.read(*line)).collect::<Result<Vec<_>, _>>()?.pop();
        assert_eq!(last, Some(true));
        Ok(reader.survey)
    }

    #[test]
    fn names_are_read_and_those_that_are_no_text_are_left_out() {
        let first = b"1111 HEAD\0side-band symref=HEAD:refs/heads/main object-format=sha1 agent=git/2\n";
        let names = [
            &b"1111 refs/heads/main\n"[..],
            b"2222 refs/heads/caf\xe9\n",
            b"3333 refs/tags/v1\n",
            b"4444 refs/tags/v1^{}\n",
        ];
        let mut lines = vec![Line::Data(b"# service=git-upload-pack\n"), Line::Flush, Line::Data(first)];
        lines.extend(names.map(Line::Data));
        lines.push(Line::Flush);
        let survey = read(&lines).unwrap();
        assert_eq!(
            (survey.sha256, survey.names),
            (false, ["HEAD", "refs/heads/main", "refs/tags/v1"].map(str::to_owned).to_vec())
        );
        // Over SSH nothing comes before the list.
        assert_eq!(read(&lines[2..]).unwrap().names.len(), 3);
    }

    #[test]
    fn an_empty_repository_has_no_names() {
        let none = b"0000 capabilities^{}\0report-status object-format=sha256\n";
        let lines = [Line::Data(b"# service=git-receive-pack\n"), Line::Flush, Line::Data(none), Line::Flush];
        assert_eq!(read(&lines), Ok(Survey { names: Vec::new(), sha256: true }));
    }

    #[test]
    fn an_error_in_the_place_of_the_list_is_told() {
        let lines = [Line::Data(b"ERR access denied\nor not exported: /x\n")];
        assert_eq!(read(&lines).unwrap_err().sentence, "the remote says: access denied\nor not exported: /x");
    }
}
