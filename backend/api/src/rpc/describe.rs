//! The OpenRPC document and the check of named parameters, both from the types of the traits.

use std::sync::LazyLock;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    error::ApiError,
    rpc::{audit, batches, instances, runs, secrets, system, tasks},
};

/// One method, as its trait tells it.
pub(crate) struct Method {
    name: &'static str,
    docs: &'static [&'static str],
    params: &'static [&'static str],
    unsubscribe: Option<&'static str>,
    check: fn(&str) -> Result<(), ApiError>,
    params_schema: fn(&mut SchemaGenerator) -> Value,
    result_schema: fn(&mut SchemaGenerator) -> Value,
}

impl Method {
    /// A method with these parameters and this result (or, of a subscription, this item).
    pub(crate) fn of<P: DeserializeOwned + JsonSchema, R: JsonSchema>(
        name: &'static str,
        docs: &'static [&'static str],
        params: &'static [&'static str],
        unsubscribe: Option<&'static str>,
    ) -> Self {
        Self {
            name,
            docs,
            params,
            unsubscribe,
            check: check::<P>,
            // The schema of the parameters is taken apart, so it must not become a reference.
            params_schema: |generator| P::json_schema(generator).to_value(),
            result_schema: |generator| generator.subschema_for::<R>().to_value(),
        }
    }

    fn describe(&self, generator: &mut SchemaGenerator) -> Value {
        let params = (self.params_schema)(generator);
        let required = params["required"].as_array().cloned().unwrap_or_default();
        let params: Vec<Value> = self
            .params
            .iter()
            .map(|name| {
                json!({
                    "name": name,
                    "required": required.iter().any(|required| required == name),
                    "schema": params["properties"][name],
                })
            })
            .collect();
        let mut method = json!({
            "name": self.name,
            "summary": self.summary(),
            "paramStructure": "by-name",
            "params": params,
            "result": { "name": "result", "schema": (self.result_schema)(generator) },
        });
        if let Some(unsubscribe) = self.unsubscribe {
            method["x-subscription"] = json!({ "unsubscribe": unsubscribe });
        }
        method
    }

    /// The method's doc comment, in one line.
    fn summary(&self) -> String {
        self.docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

/// Tries the parameters against their type, so that the error can name the field.
fn check<P: DeserializeOwned>(params: &str) -> Result<(), ApiError> {
    let mut json = serde_json::Deserializer::from_str(params);
    match serde_path_to_error::deserialize::<_, P>(&mut json) {
        Ok(_) => Ok(()),
        Err(error) => {
            let path = error.path().to_string();
            let why = error.inner().to_string();
            let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
            // serde names missing and unknown fields in its text, not in the path.
            let named = ["missing field `", "unknown field `", "duplicate field `"];
            let named = named.iter().find_map(|start| why.strip_prefix(start)?.split('`').next());
            let field = match (path.as_str(), named) {
                (".", Some(named)) => named.to_owned(),
                (".", None) => "params".to_owned(),
                (path, Some(named)) if path.rsplit('.').next() != Some(named) => format!("{path}.{named}"),
                (path, _) => path.to_owned(),
            };
            Err(ApiError::invalid(field, why))
        }
    }
}

static METHODS: LazyLock<Vec<Method>> = LazyLock::new(|| {
    [
        system::methods(),
        instances::methods(),
        tasks::methods(),
        runs::methods(),
        batches::methods(),
        secrets::methods(),
        audit::methods(),
    ]
    .into_iter()
    .flatten()
    .collect()
});

/// Checks the parameters of a call before it is dispatched. Methods not known here pass.
///
/// # Errors
/// `Invalid`, naming the parameter that is missing, unknown or of the wrong type.
pub fn check_params(method: &str, params: Option<&str>) -> Result<(), ApiError> {
    let Some(method) = METHODS.iter().find(|known| known.name == method) else { return Ok(()) };
    let params = params.map_or("{}", str::trim);
    // An empty list and `null` are how some libraries say that there are none.
    let params = if matches!(params, "[]" | "null") { "{}" } else { params };
    if !params.starts_with('{') {
        return Err(ApiError::invalid("params", "parameters are passed by name, as an object"));
    }
    (method.check)(params)
}

/// The OpenRPC document of every method.
#[must_use]
pub fn openrpc(version: &str) -> Value {
    let mut generator = SchemaSettings::draft07()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut methods: Vec<Value> = METHODS.iter().map(|method| method.describe(&mut generator)).collect();
    methods.push(json!({
        "name": "rpc.discover",
        "summary": "This document.",
        "paramStructure": "by-name",
        "params": [],
        "result": { "name": "OpenRPC Schema", "schema": { "type": "object" } },
    }));
    generator.subschema_for::<ApiError>();
    let schemas: Map<String, Value> = generator.take_definitions(true);
    json!({
        "openrpc": "1.3.2",
        "info": { "title": "Caisson", "version": version, "license": { "name": "MIT OR Apache-2.0" } },
        "methods": methods,
        "components": { "schemas": schemas },
    })
}
