//! The JSON Schema of a spec file, for completion and hover in editors.
//!
//! It is made of the tables of [`super::table`] and is looser than the reader: a parameter may
//! stand nearly everywhere, and an expression is a text to it.

use super::table::{self, BESIDE, BRANCH, Entry, FILE, SETTINGS, START, Shape, VERBS};
use serde_json::{Map, Value, json};

/// The schema.
pub fn schema() -> Value {
    let mut file = fields(&[FILE]);
    file["required"] = json!(["spec", "title", "covers", "start", "steps"]);
    file["properties"]["start"] = json!({
        "anyOf": [word(&table::state_names()), fields(&[START])],
        "description": doc(FILE, "start"),
    });
    file["properties"]["conns"] = json!({
        "type": "object",
        "additionalProperties": fields(&[table::CONN]),
        "description": doc(FILE, "conns"),
    });
    file["properties"]["cases"] = json!({
        "type": "object",
        "additionalProperties": {"type": "array", "minItems": 1},
        "description": doc(FILE, "cases"),
    });
    let mut step = fields(&[VERBS, BESIDE]);
    step["properties"]["steps"] = json!({"$ref": "#/definitions/steps"});
    step["properties"]["one_of"] = json!({
        "type": "array",
        "items": fields(&[BRANCH]),
        "description": doc(VERBS, "one_of"),
    });
    if let Some(properties) = step["properties"].as_object_mut() {
        properties.remove("when");
    }
    let when = json!({
        "type": "object",
        "required": ["when"],
        "properties": {"when": {"type": "string", "description": doc(VERBS, "when")}},
        "additionalProperties": {"$ref": "#/definitions/steps"},
    });
    file["definitions"] = json!({
        "steps": {"type": "array", "items": {"anyOf": [step, when]}},
    });
    file["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    file["title"] = json!("tcpspec spec, version 1");
    file
}

fn doc(table: &[Entry], name: &str) -> &'static str {
    table
        .iter()
        .find(|entry| entry.name == name)
        .map_or("", |entry| entry.doc)
}

/// A map with the fields of some tables and no others.
fn fields(tables: &[&'static [Entry]]) -> Value {
    let mut properties = Map::new();
    for entry in tables.iter().flat_map(|table| table.iter()) {
        let mut value = shape(entry.shape);
        value["description"] = json!(entry.doc);
        properties.insert(entry.name.to_owned(), value);
    }
    let mut object =
        json!({"type": "object", "properties": properties, "additionalProperties": false});
    if tables.iter().any(|table| std::ptr::eq(*table, SETTINGS)) {
        object["patternProperties"] = json!({"^(tcp|ip|ipv6|icmp)_": {}});
    }
    object
}

/// One of some words, or a parameter.
fn word(words: &[&str]) -> Value {
    let mut values: Vec<Value> = words.iter().map(|word| json!(word)).collect();
    // `family: 4` is a number to YAML.
    values.extend(
        words
            .iter()
            .filter_map(|word| word.parse::<u64>().ok())
            .map(Value::from),
    );
    json!({"anyOf": [{"enum": values}, {"type": "string", "pattern": "\\$"}]})
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Text | Shape::Name | Shape::Flags | Shape::Octets | Shape::Requirement => {
            json!({"type": "string"})
        }
        Shape::Word(words) => word(words),
        Shape::Words(entries) => json!({"type": "array", "items": word(&table::names(entries))}),
        Shape::Requirements => json!({"type": "array", "items": {"type": "string"}}),
        Shape::Bool => json!({"type": ["boolean", "string"]}),
        Shape::Count(most) => json!({"type": ["integer", "string"], "minimum": 0, "maximum": most}),
        Shape::Number | Shape::Sequence | Shape::Payload => {
            json!({"type": ["integer", "string", "object"]})
        }
        Shape::Duration => json!({"type": "string"}),
        Shape::FlagsPattern | Shape::DurationPattern => json!({"type": ["string", "array"]}),
        Shape::NumberPattern | Shape::SequencePattern | Shape::PayloadPattern => {
            json!({"type": ["integer", "string", "array"]})
        }
        Shape::Presence => word(&["present", "absent", "any"]),
        Shape::Blocks => json!({"anyOf": [
            {"type": "array", "items": fields(&[table::BLOCK])},
            word(&["present", "absent", "any"]),
        ]}),
        Shape::BlocksPattern => json!({"anyOf": [
            {"type": "array", "items": fields(&[table::BLOCK])},
            fields(&[table::FIRST_BLOCK]),
            word(&["present", "absent", "any"]),
        ]}),
        Shape::Timestamps | Shape::TimestampsPattern => {
            json!({"anyOf": [fields(&[table::TIMESTAMPS]), word(&["present", "absent", "any"])]})
        }
        Shape::Map(tables) => json!({"anyOf": [fields(tables), {"type": ["string", "boolean"]}]}),
        Shape::Action(entries) => {
            json!({"anyOf": [word(&table::names(entries)), fields(&[entries])]})
        }
        Shape::State => word(&table::state_names()),
        Shape::Nothing => json!({"type": "null"}),
        Shape::Steps => json!({"$ref": "#/definitions/steps"}),
        Shape::Special(_) => json!({}),
    }
}
