//! A variable of a task's environment: a value, or the name of a secret that the server keeps.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
    ser::SerializeStruct,
};

/// What a variable is set to. On the wire a string, or `{"secret": NAME}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    /// This text, for everybody to read.
    Plain(String),
    /// The value of the secret of this name; see `secrets.*`.
    Secret(String),
}

impl From<&str> for EnvValue {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl Serialize for EnvValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => serializer.serialize_str(text),
            Self::Secret(name) => {
                let mut reference = serializer.serialize_struct("Reference", 1)?;
                reference.serialize_field("secret", name)?;
                reference.end()
            }
        }
    }
}

/// The spelling of a reference.
#[derive(Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Reference {
    secret: String,
}

/// Reads both spellings. Not serde's `untagged`, which does not say which field is wrong.
struct EnvVisitor;

impl<'de> Visitor<'de> for EnvVisitor {
    type Value = EnvValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or {secret: NAME}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<EnvValue, E> {
        Ok(text.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvValue, A::Error> {
        let reference = Reference::deserialize(MapAccessDeserializer::new(map))?;
        Ok(EnvValue::Secret(reference.secret))
    }
}

impl<'de> Deserialize<'de> for EnvValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EnvVisitor)
    }
}

#[cfg(feature = "server")]
impl schemars::JsonSchema for EnvValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EnvValue".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let reference = Reference::json_schema(generator);
        schemars::json_schema!({ "anyOf": [{ "type": "string", "description": "The value." }, reference] })
    }
}
