use std::error::Error as _;

use super::*;
use crate::{broker::Broker, tasks::Tasks};

fn key() -> Option<Secret> {
    Some(Secret::new("sk-real-key"))
}

fn refused(settings: &Settings) -> Error {
    Broker::new(settings, Tasks::default()).err().unwrap()
}

#[test]
fn the_description_says_what_answers_and_with_what() {
    let describe = |settings: &Settings| Broker::new(settings, Tasks::default()).unwrap().describe();
    let settings = Settings { api_key: key(), ..Settings::default() };
    assert_eq!(describe(&settings), "Anthropic with an API key");
    let settings =
        Settings { oauth_token: key(), model: Some("anthropic".to_owned()), ..Settings::default() };
    assert_eq!(describe(&settings), "Anthropic with an OAuth token");
    let base_url = Some("https://models.example.com/v2".to_owned());
    let settings = Settings { api_key: key(), oauth_token: key(), base_url, ..Settings::default() };
    assert_eq!(
        describe(&settings),
        "Anthropic-compatible server at https://models.example.com/v2 with an API key"
    );
    let base_url = Some("http://models.example.com".to_owned());
    let told = describe(&Settings { api_key: key(), base_url, ..Settings::default() });
    assert!(told.contains("CAISSON_INSECURE_MODEL") && told.contains("https://"), "{told}");
    assert_eq!(describe(&Settings::default()), "none: no model credential is set");
}

#[test]
fn a_scripted_model_is_ready_and_so_is_one_with_a_key() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo.json");
    let settings = Settings { model: Some(format!("scripted:{file}")), ..Settings::default() };
    let broker = Broker::new(&settings, Tasks::default()).unwrap();
    assert!(broker.is_ready());
    assert_eq!(broker.describe(), format!("scripted: {file}"));
    let broker = Broker::new(&Settings { api_key: key(), ..Settings::default() }, Tasks::default()).unwrap();
    assert!(broker.is_ready());
    let broker = Broker::new(&Settings::default(), Tasks::default()).unwrap();
    assert!(!broker.is_ready());
}

#[test]
fn prices_that_cannot_be_read_are_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let prices = folder.path().join("prices.json");
    std::fs::write(&prices, r#"{"models": {"sonnet": {"input": 1, "output": 2}}}"#).unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo.json");
    let model = Some(format!("scripted:{file}"));
    let settings = Settings { model, prices: Some(prices.clone()), ..Settings::default() };
    assert!(Broker::new(&settings, Tasks::default()).unwrap().is_ready());
    std::fs::write(&prices, r#"{"models": {"sonnet": {"input": "1", "output": 2}}}"#).unwrap();
    let refused = refused(&settings);
    assert!(refused.source().unwrap().to_string().ends_with("prices.json: models.sonnet.input"));
}

#[test]
fn a_credential_that_the_upstream_repeats_is_taken_out() {
    for settings in [
        Settings { api_key: key(), ..Settings::default() },
        Settings { oauth_token: key(), ..Settings::default() },
    ] {
        let broker = Broker::new(&settings, Tasks::default()).unwrap();
        let said = broker.0.upstream.redactor().text("the key sk-real-key is wrong");
        assert_eq!(said, "the key *********** is wrong");
    }
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    let model = |model: &str| refused(&Settings { model: Some(model.to_owned()), ..Settings::default() });
    for wrong in ["", "scripted", "scripted:", "openai"] {
        assert!(matches!(model(wrong), Error::Model(named) if named == wrong));
    }
    let missing = model("scripted:/no/such/script.json");
    assert!(missing.source().unwrap().to_string().contains("/no/such/script.json"));
    for wrong in
        ["api.example.com", "ftp://example.com", "https://user:pw@example.com", "https://example.com?a=b"]
    {
        let settings = Settings { base_url: Some(wrong.to_owned()), api_key: key(), ..Settings::default() };
        assert!(matches!(refused(&settings), Error::BaseUrl), "{wrong}");
    }
}

#[test]
fn a_credential_that_no_header_can_carry_is_refused_and_not_shown() {
    for wrong in ["", "  \n", "two words", "two\nlines", "schlüssel"] {
        let wrong = || Some(Secret::new(wrong));
        let settings = [
            Settings { api_key: wrong(), ..Settings::default() },
            Settings { oauth_token: wrong(), ..Settings::default() },
            Settings { github_token: wrong(), ..Settings::default() },
        ];
        let names = settings.iter().map(|settings| refused(settings).to_string());
        let names = names.map(|error| error.split_once(' ').unwrap().0.to_owned()).collect::<Vec<_>>();
        assert_eq!(names, ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "GITHUB_TOKEN"]);
    }
}

#[test]
fn no_credential_is_ever_printed() {
    let settings =
        Settings { api_key: key(), oauth_token: key(), github_token: key(), ..Settings::default() };
    assert!(!format!("{settings:?}").contains("real"));
    let Upstream::Anthropic { credential: Credential::ApiKey(value), .. } =
        settings.upstream(&Clients::default(), &Tasks::default()).unwrap()
    else {
        panic!("an API key goes before an OAuth token");
    };
    assert!(!format!("{value:?}").contains("real"));
}
