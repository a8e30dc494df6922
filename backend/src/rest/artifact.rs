//! `GET /api/runs/{id}/artifacts/{name}`: downloads what is kept of a run. A browser never shows it in place:
//! an agent has written it.

use axum::{
    Extension,
    extract::{Path, State},
    http::header,
    response::IntoResponse,
};

use super::{Answer, pieces, refuse, run_id};
use crate::{
    app::{App, follow::pump::PATIENCE},
    caller::Caller,
};

pub(super) async fn artifact(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, name)): Path<(String, String)>,
) -> Answer {
    let content = app.run_artifact(&caller, run_id(&id)?, &name).await.map_err(refuse)?;
    let headers = [
        (header::CONTENT_TYPE, content_type(&name)),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file_name(&name))),
        (header::CONTENT_LENGTH, content.bytes().len().to_string()),
    ];
    let (pieces, body) = pieces::body(1, PATIENCE);
    app.tasks.spawn("artifact", move |stop| async move {
        let sending = async {
            let taken = pieces.offer_long(content.bytes(), || content.is_wanted()).await;
            drop(content);
            if taken.is_ok() {
                pieces.finish(None).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = sending => {}
        }
    });
    Ok((headers, body).into_response())
}

fn content_type(name: &str) -> String {
    if name.ends_with(".patch") {
        return "text/x-diff; charset=utf-8".to_owned();
    }
    mime_guess::from_path(name).first_or_octet_stream().to_string()
}

/// A name that fits between quotes in a header.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_is_and_fits_into_a_header() {
        assert_eq!(content_type("changes.patch"), "text/x-diff; charset=utf-8");
        assert_eq!(content_type("changes.json"), "application/json");
        assert_eq!(content_type("unknown"), "application/octet-stream");
        assert_eq!(file_name("a \"b\"\r\nX: y.patch"), "a__b___X__y.patch");
    }
}
