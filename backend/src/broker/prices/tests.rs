use std::{error::Error as _, fs};

use serde_json::{Value, json};

use super::*;

/// Model, tokens (input, output, cache read, cache written) and US dollars as the agent CLI 2.1.329 itself
/// reckoned them, recorded on 2026-11-21.
const RECORDED: [(&str, [i64; 4], f64); 36] = [
    ("claude-opus-5-5", [12623, 37, 0, 0], 0.051232),
    ("claude-opus-5-5", [51253, 288, 12000, 300], 0.214672),
    ("claude-opus-5-5", [51234, 285, 12000, 300], 0.214536),
    ("claude-opus-5-5", [12629, 10, 0, 0], 0.050716),
    ("claude-opus-5-5", [25363, 60, 0, 0], 0.102652),
    ("claude-opus-5-5", [50695, 40, 0, 0], 0.20358),
    ("claude-opus-5-5", [64678, 135, 0, 0], 0.261412),
    ("claude-opus-5-5", [6075, 36, 0, 0], 0.02502),
    ("claude-opus-5-5", [1009, 7, 0, 0], 0.004176),
    ("claude-opus-5-5", [51893, 138, 0, 0], 0.210332),
    ("claude-opus-5-5", [1_012_031, 77, 0, 0], 4.049664),
    ("claude-opus-5-5", [1_000_000, 0, 0, 0], 4.0),
    ("claude-opus-5-5", [0, 1_000_000, 0, 0], 20.0),
    ("claude-opus-5-5", [0, 0, 1_000_000, 0], 0.2),
    ("claude-opus-5-5", [0, 0, 0, 1_000_000], 5.0),
    ("claude-sonnet-5-5", [50968, 288, 12000, 300], 0.106766),
    ("claude-sonnet-5-5", [12624, 12, 0, 0], 0.025368),
    ("claude-sonnet-5-5", [12558, 8, 0, 0], 0.025196),
    ("claude-sonnet-5-5", [25176, 37, 0, 0], 0.050722),
    ("claude-sonnet-5-5", [24575, 40, 0, 0], 0.04955),
    ("claude-sonnet-5-5", [25185, 52, 0, 0], 0.05089),
    ("claude-sonnet-5-5", [1_000_000, 1_000_000, 0, 0], 12.0),
    ("claude-sonnet-5-5", [0, 0, 1_000_000, 0], 0.1),
    ("claude-sonnet-5-5", [0, 0, 0, 1_000_000], 2.5),
    ("claude-haiku-5-5", [13255, 8, 0, 0], 0.0013295),
    ("claude-haiku-5-5", [13001, 8, 0, 0], 0.0013041),
    ("claude-haiku-5-5", [100_000, 0, 0, 0], 0.01),
    ("claude-haiku-5-5", [0, 100_000, 0, 0], 0.05),
    ("claude-haiku-5-5", [0, 0, 100_000, 0], 0.001),
    ("claude-haiku-5-5", [0, 0, 0, 100_000], 0.0125),
    ("claude-haiku-5-5", [100_001, 0, 0, 0], 0.0500005),
    ("claude-haiku-5-5", [110_000, 1000, 0, 0], 0.0575),
    ("claude-haiku-5-5", [90_000, 0, 90_000, 0], 0.0495),
    ("claude-haiku-5-5", [0, 0, 60_000, 60_000], 0.0405),
    ("claude-haiku-5-5", [50_000, 0, 0, 60_000], 0.0625),
    ("claude-haiku-5-5", [1_000_000, 1_000_000, 0, 0], 3.0),
];

fn usage([input, output, read, written]: [i64; 4]) -> Counted {
    let mut counted = Counted::default();
    counted.update(&json!({
        "input_tokens": input, "output_tokens": output,
        "cache_read_input_tokens": read, "cache_creation_input_tokens": written,
    }));
    counted
}

/// The same with more keys.
fn usage_with(tokens: [i64; 4], more: &Value) -> Counted {
    let mut counted = usage(tokens);
    counted.update(more);
    counted
}

fn own(table: &Value) -> Prices {
    Prices { own: json_file::parse(Path::new("own.json"), &table.to_string()).unwrap(), ..built_in() }
}

fn built_in() -> Prices {
    Prices::load(None).unwrap()
}

fn assert_usd(found: Option<f64>, expected: f64, what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what} has no price"));
    assert!((found - expected).abs() < 1e-9, "{what}: {found}, not {expected}");
}

#[test]
fn the_built_in_prices_are_those_the_agent_reckons_with() {
    for (model, tokens, usd) in RECORDED {
        assert_usd(built_in().usd(model, &usage(tokens)), usd, &format!("{model} {tokens:?}"));
    }
}

#[test]
fn an_hour_in_the_cache_is_priced_apart() {
    let written = json!({"cache_creation": {"ephemeral_5m_input_tokens": 100_000, "ephemeral_1h_input_tokens": 200_000}});
    // Recorded as well: what is not said to stay for an hour stays for five minutes.
    let found = built_in().usd("claude-opus-5-5", &usage_with([0, 0, 0, 1_000_000], &written));
    assert_usd(found, 5.6, "opus");
    let hour = json!({"cache_creation": {"ephemeral_1h_input_tokens": 1_000_000}});
    for (model, usd) in [("claude-opus-5-5", 8.0), ("claude-sonnet-5-5", 4.0), ("claude-haiku-5-5", 1.0)] {
        assert_usd(built_in().usd(model, &usage_with([0, 0, 0, 1_000_000], &hour)), usd, model);
    }
}

#[test]
fn speed_place_and_searches_count() {
    let of = |model, more| built_in().usd(model, &usage_with([100_000, 0, 0, 0], &more));
    assert_usd(of("claude-opus-5-5", json!({"speed": "standard", "inference_geo": ""})), 0.4, "as always");
    assert_usd(of("claude-opus-5-5", json!({"speed": "fast"})), 0.8, "fast");
    assert_usd(
        of("claude-opus-5-5", json!({"speed": "fast", "inference_geo": "us"})),
        0.88,
        "fast in the US",
    );
    let searches = json!({"server_tool_use": {"web_search_requests": 3}, "speed": "fast"});
    assert_usd(of("claude-opus-5-5", searches), 0.83, "a search costs the same at every speed");
    assert_eq!(of("claude-sonnet-5-5", json!({"speed": "fast"})), None);
    assert_eq!(of("claude-opus-5-5", json!({"speed": "faster"})), None);
}

#[test]
fn what_is_not_known_has_no_price() {
    assert_eq!(built_in().usd("claude-opus-5-5", &Counted::default()), None);
    assert_eq!(built_in().usd("gpt", &usage([1, 1, 0, 0])), None);
    let prices = own(&json!({"models": {"gpt": {"input": 1, "output": 2}}}));
    assert_usd(prices.usd("gpt", &usage([1_000_000, 1_000_000, 0, 0])), 3.0, "gpt");
    assert_eq!(prices.usd("gpt", &usage([1, 1, 1, 0])), None, "what its cache costs is not said");
}

#[test]
fn the_longest_name_that_ends_between_words_counts() {
    let prices = own(&json!({"models": {
        "claude": {"input": 1, "output": 1},
        "claude-opus-5-5-2": {"input": 2, "output": 2},
        "claude-sonnet-5-5": {"input": 3, "output": 3},
    }}));
    for (model, usd) in [
        ("claude-opus-5-5-20260101", 4.0),
        ("claude-opus-5-5[1m]", 4.0),
        ("claude-opus-5-5@x", 4.0),
        ("claude-opus-5-5-2-x", 2.0),
        ("claude-opus-5-50", 1.0),
        ("claude-opus-5-5.1", 1.0),
        ("claude-sonnet-5-5-20260101", 3.0),
    ] {
        assert_usd(prices.usd(model, &usage([1_000_000, 0, 0, 0])), usd, model);
    }
    assert_eq!(prices.usd("claudette", &usage([1, 0, 0, 0])), None);
}

#[test]
fn what_is_free_is_free_unless_it_was_given_a_price() {
    let used = usage([1_000_000, 0, 0, 0]);
    assert_eq!(built_in().usd_of_free("claude-opus-5-5", &used), Some(0.0));
    let prices = own(&json!({"models": {"claude-opus": {"input": 7, "output": 7}}}));
    assert_eq!(prices.usd_of_free("claude-opus-5-5", &used), Some(7.0));
    assert_eq!(prices.usd_of_free("claude-sonnet-5-5", &used), Some(0.0));
}

#[test]
fn a_wrong_file_is_refused_with_its_name_and_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.json");
    let load = || Prices::load(Some(&file)).unwrap_err();
    assert!(load().to_string().ends_with("own.json cannot be read"));
    for (text, key, why) in [
        ("nonsense", ".", "expected"),
        ("{}", ".", "missing field `models`"),
        (r#"{"models": {}} and more"#, ".", "trailing characters"),
        (r#"{"models": {}, "modles": {}}"#, "modles", "unknown field"),
        (r#"{"date": "tomorrow", "models": {}}"#, "date", "year"),
        (r#"{"models": {"m": {"output": 1}}}"#, "models.m", "missing field `input`"),
        (r#"{"models": {"m": {"input": -1, "output": 1}}}"#, "models.m.input", "at least 0, not -1"),
        (r#"{"models": {"m": {"input": 1, "output": "1"}}}"#, "models.m.output", "expected f64"),
        (r#"{"models": {"m": {"input": 1, "output": 1, "cache": 1}}}"#, "models.m.cache", "unknown field"),
    ] {
        fs::write(&file, text).unwrap();
        let error = load();
        assert!(error.to_string().ends_with(&format!("own.json: {key}")), "{error}");
        assert!(error.source().unwrap().to_string().contains(why), "{:?}", error.source());
    }
}

#[test]
fn the_built_in_prices_say_when_and_where_they_are_from() {
    let built_in = built_in().describe();
    assert!(built_in.starts_with("2026-11-21, computed from the agent CLI 2.1.329"), "{built_in}");
    let own = own(&json!({"source": "our contract", "models": {"m": {"input": 1, "output": 1}}})).describe();
    assert!(own.starts_with("no date, our contract; over 2026-11-21"), "{own}");
}

#[test]
fn the_most_a_call_can_cost_is_no_less_than_any_recorded_call_of_its_length() {
    let prices = Prices::load(None).unwrap();
    for (model, [input, output, read, written], usd) in RECORDED {
        if f64::from(LONGEST_ANSWER) < output as f64 {
            continue;
        }
        // Prose: four bytes for a token.
        let length = Some(4 * (input + read + written).unsigned_abs());
        let most = prices.most(&Asked { model: Some(model), length, fast: false }).unwrap();
        assert!(usd <= most, "{model}: {usd} is more than {most}");
    }
}

#[test]
fn the_most_a_call_can_cost_follows_its_length_speed_and_model() {
    let most = |model, length, fast| Prices::load(None).unwrap().most(&Asked { model, length, fast });
    let opus = |length, fast| most(Some("claude-opus-5-5"), length, fast).unwrap();
    // 100,000 tokens written to the cache for an hour, 64,000 tokens of answer, in the US.
    assert!((opus(Some(200_000), false) - (0.8 + 1.28) * 1.1).abs() < 1e-9);
    assert!((opus(Some(200_000), true) - (0.8 + 1.28) * 1.1 * 2.0).abs() < 1e-9);
    assert_eq!(opus(None, false), opus(Some(u64::MAX), false), "nobody reads more than a million tokens");
    assert_eq!(most(None, Some(200_000), false), Some(opus(Some(200_000), false)), "it may ask the dearest");
    assert_eq!(most(Some("claude-unheard-of"), Some(1), false), None);
    let haiku = |length| most(Some("claude-haiku-5-5"), Some(length), false).unwrap();
    assert!(5.0 * haiku(200_000) < haiku(200_002) * 1.001, "a long prompt has a price of its own");
}

#[test]
fn a_model_that_costs_nothing_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prices.json");
    fs::write(&file, r#"{"models": {"dear": {"input": 1, "output": 1000, "maxOutput": 2000}}}"#).unwrap();
    let prices = Prices::load(Some(&file)).unwrap();
    let most = |model| prices.most_of_free(&Asked { model, length: Some(2_000_000), fast: false });
    assert_eq!(most(Some("claude-opus-5-5")), Some(0.0));
    assert_eq!((most(Some("dear")), most(None)), (Some(3.0), Some(3.0)));
    let free = Prices::load(None).unwrap();
    assert_eq!(free.most_of_free(&Asked { model: None, length: None, fast: false }), Some(0.0));
}
