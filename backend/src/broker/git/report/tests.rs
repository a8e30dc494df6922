use axum::body;

use super::*;

fn head(capabilities: &[&str]) -> Head {
    let update = |reference: &str, deletes| Update { reference: reference.to_owned(), deletes };
    Head {
        updates: vec![
            update("refs/heads/work", false),
            update("refs/heads/work", true),
            update("refs/tags/v1", false),
        ],
        capabilities: capabilities.iter().map(|&capability| capability.to_owned()).collect(),
        forbidden: None,
    }
}

async fn answer(capabilities: &[&str]) -> (u16, String, String) {
    let answer = refusal(&head(capabilities), "work");
    let (parts, body) = answer.into_parts();
    let body = body::to_bytes(body, usize::MAX).await.unwrap();
    let kind = parts.headers["content-type"].to_str().unwrap().to_owned();
    (parts.status.as_u16(), kind, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn git_is_told_branch_by_branch() {
    let (status, kind, body) = answer(&["report-status"]).await;
    assert_eq!((status, kind.as_str()), (200, "application/x-git-receive-pack-result"));
    insta::assert_snapshot!(body);
}

#[tokio::test]
async fn git_is_told_in_bands_when_it_can_hear_them() {
    let (_, _, body) = answer(&["report-status-v2", "side-band-64k"]).await;
    insta::assert_snapshot!(body.escape_default().to_string());
}

#[tokio::test]
async fn a_client_without_reports_gets_a_sentence() {
    let (status, kind, body) = answer(&[]).await;
    assert_eq!((status, kind.as_str()), (403, "text/plain"));
    assert_eq!(body, "Caisson: this run may push to the branch work only, and remove nothing\n");
}
