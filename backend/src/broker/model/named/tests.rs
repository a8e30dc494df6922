use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The models in a body that comes in pieces of this size.
fn read(body: &str, size: usize) -> Result<Vec<String>, Malformed> {
    let (mut names, mut all) = (Names::default(), Vec::new());
    for piece in body.as_bytes().chunks(size) {
        all.extend(names.feed(piece)?);
    }
    Ok(all)
}

fn is_refused(body: &str) {
    assert!(read(body, 7).is_err(), "{body}");
}

#[test]
fn the_model_at_the_top_is_found_wherever_it_stands() {
    for body in [
        r#"{"model":"a","messages":[{"role":"user","content":"the \"model\": \"b\""}]}"#,
        r#" { "messages" : [ {"model_": "b", "content": [{"input": {"model": "b"}}]} ] , "model" : "a" } "#,
        r#"{"mo\u0064el":"\u0061"}"#,
        r#"{"metadata":{"user":{"model":{"model":"b"}}},"x":["model","b"],"model":"a","tools":[{"input_schema":{"properties":{"model":{"type":"string"}}}}]}"#,
    ] {
        for size in [1, 2, 5, body.len()] {
            assert_eq!(read(body, size).unwrap(), ["a"], "{body}");
        }
    }
}

#[test]
fn a_model_near_the_top_counts_too() {
    let body = r#"{"model":"a","tools":[{"type":"custom","model":"b"}],"fallbacks":[{"MODEL":"c"}],"other":{"model":"d"}}"#;
    assert_eq!(read(body, 3).unwrap(), ["a", "b", "c", "d"]);
}

#[test]
fn what_two_readers_could_take_for_two_models_is_refused() {
    for body in [
        r#"{"model":"a","model":"b"}"#,
        r#"{"model":"a","Model":"b"}"#,
        r#"{"model":"a","mod\u0065l":"b"}"#,
        r#"{"model":["a"]}"#,
        r#"{"model":{"id":"a"}}"#,
        r#"{"model":null}"#,
        r#"{"model":1}"#,
        r#"{"model":"a"}{"model":"b"}"#,
        r#"{"model":"a"} x"#,
        r#"[{"model":"a"}]"#,
        r#""model""#,
        r#"{'model':'b',"model":"a"}"#,
        r#"{/*"*/"model":"b"/*"*/}"#,
        r#"{"model":"a"]"#,
        "{\"model\":\"a\u{1}\"}",
        "\u{feff}{\"model\":\"a\"}",
        "{\u{0}\"model\":\"a\"}",
        r#"{"model":"\x61"}"#,
    ] {
        is_refused(body);
    }
    is_refused(&format!(r#"{{"model":"{}"}}"#, "a".repeat(LONGEST + 1)));
    assert_eq!(read(&format!(r#"{{"{}":1}}"#, "model".repeat(1000)), 9), Ok(vec![]));
}

#[test]
fn what_works_on_the_model_s_server_is_refused_and_what_works_in_the_container_is_not() {
    for body in [
        r#"{"model":"a","tools":[{"name":"x"},{"type":"web_search_20250305","name":"web_search"}]}"#,
        r#"{"tools":[{"name":"x","input_schema":{"type":"object"},"type":"web_fetch_20250910"}],"model":"a"}"#,
        r#"{"Tools":[{"ty\u0070e":"code_execution_20250825"}]}"#,
        r#"{"model":"a","mcp_servers":[{"type":"url","url":"https://x"}]}"#,
        r#"{"messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://x/?y"}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_result","content":[{"source":{"url":"https://x","type":"URL"}}]}]}]}"#,
    ] {
        for size in [1, 3, body.len()] {
            assert_eq!(read(body, size), Err(Malformed(REACHES)), "{body}");
        }
    }
    for body in [
        r#"{"tools":[{"name":"x","input_schema":{"type":"object","properties":{"type":{"type":"string"}}}}]}"#,
        r#"{"tools":[{"type":"custom","name":"x"},{"type":"bash_20250124"},{"type":"text_editor_20250728"}]}"#,
        r#"{"messages":[{"content":[{"type":"image","source":{"type":"base64","data":"aGk="}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","input":{"type":"url","tools":[{"type":"web_search"}]}}]}]}"#,
    ] {
        assert_eq!(read(body, 5), Ok(vec![]), "{body}");
    }
}

#[test]
fn what_the_model_s_server_keeps_is_refused() {
    for body in [
        r#"{"model":"a","container":"container_011CPR"}"#,
        r#"{"model":"a","contain\u0065r":{"id":"container_011CPR","skills":[]}}"#,
        r#"{"messages":[{"content":[{"type":"document","source":{"type":"file","file_id":"file_011C"}}]}]}"#,
        r#"{"messages":[{"content":[{"source":{"FILE_ID":"file_011C","type":"file"},"type":"image"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"container_upload","file_id":"file_011C"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_result","content":[{"source":{"file_id":"file_011C"}}]}]}]}"#,
    ] {
        for size in [1, 3, body.len()] {
            assert_eq!(read(body, size), Err(Malformed(KEPT)), "{body}");
        }
    }
    for body in [
        r#"{"metadata":{"container":"x"},"messages":[{"role":"user","content":"the file_id of \"container\""}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","input":{"file_id":"x","container":"y"}}]}]}"#,
        r#"{"tools":[{"name":"x","input_schema":{"properties":{"file_id":{"type":"string"}}}}]}"#,
    ] {
        assert_eq!(read(body, 5), Ok(vec![]), "{body}");
    }
}

#[test]
fn a_body_nested_without_end_takes_no_room() {
    let mut names = Names::default();
    names.feed(br#"{"model":"a","x":"#).unwrap();
    for _ in 0..1000 {
        names.feed(&[b'['; 1000]).unwrap();
    }
    assert_eq!((names.depth, names.within.len()), (1_000_001, DEEPEST));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        Just(json!("model")),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop_oneof![Just("model_".to_owned()), "[a-z\"\\\\]{0,6}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..5).prop_map(|pairs| {
                Value::Object(pairs.into_iter().filter(|(key, _)| key != "model").collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn it_reads_what_a_json_reader_reads(rest in any_json(), name in "\\PC{1,20}", size in 1_usize..50) {
        for body in [json!({"model": name, "rest": rest}), json!({"rest": rest, "model": name})] {
            for text in [body.to_string(), serde_json::to_string_pretty(&body).unwrap()] {
                prop_assert_eq!(read(&text, size).unwrap(), vec![name.clone()]);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut names = Names::default();
        let _ = names.feed(&[b"{\"model\":\"a\"", &bytes[..]].concat());
    }
}
