//! The schema that the agent prints, as the judge of the lines it prints.
//!
//! Lines come by the million, and the schema is a choice among eight types and fifty kinds of event,
//! all of which a line is compared with. As every alternative has a `type` or `kind` of its own,
//! which is checked here, a line is judged by the one alternative that is left for it: the same
//! document, with the others taken out of the two choices.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::agent;

/// Where the document chooses among types, and where among kinds of event.
const TYPES: &str = "/oneOf";
const KINDS: &str = "/$defs/Record/oneOf";

/// What `memwatch-ebpf schema` says, ready to judge.
#[derive(Debug)]
pub struct Schema {
    whole: Validator,
    /// By type; of events there is one for each kind.
    types: BTreeMap<String, Validator>,
    kinds: BTreeMap<String, Validator>,
}

impl Schema {
    /// Asks the agent for it.
    pub fn of_agent() -> Self {
        let run = agent::run(["schema"]).expect_success();
        Self::of(&serde_json::from_str(&run.stdout).unwrap())
    }

    fn of(text: &Value) -> Self {
        let types = alternatives(text, TYPES, "type");
        let event = types.iter().find(|(name, _)| name == "event").expect("no events").1.clone();
        let of_type = |one: &Value| validator(&with(text, TYPES, one));
        let of_kind = |one: &Value| validator(&with(&with(text, TYPES, &event), KINDS, one));
        let compile = |list: Vec<(String, Value)>, compile: &dyn Fn(&Value) -> Validator| {
            list.into_iter().map(|(name, one)| (name, compile(&one))).collect()
        };
        Self {
            whole: validator(text),
            types: compile(types, &of_type),
            kinds: compile(alternatives(text, KINDS, "kind"), &of_kind),
        }
    }

    /// Types of lines.
    pub fn types(&self) -> BTreeSet<&str> {
        self.types.keys().map(String::as_str).collect()
    }

    /// Kinds of events.
    pub fn kinds(&self) -> BTreeSet<&str> {
        self.kinds.keys().map(String::as_str).collect()
    }

    /// Panics with what is wrong, unless the line is as its type or kind must be.
    pub fn check(&self, line: &Value) {
        let errors = self.errors(line);
        assert!(errors.is_empty(), "{line} is not of the schema: {errors:#?}");
    }

    /// Panics unless the line passes the document as it is, and no longer does with one field more.
    pub fn check_whole(&self, line: &Value) {
        let errors: Vec<_> = self.whole.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{line} is not of the schema: {errors:#?}");
        let mut more = line.clone();
        more["surprise"] = json!(1);
        assert!(!self.whole.is_valid(&more), "the schema allows {more}");
        assert!(!self.errors(&more).is_empty(), "an alternative allows {more}");
    }

    fn errors(&self, line: &Value) -> Vec<String> {
        let (among, field) = match line["type"].as_str() {
            Some("event") => (&self.kinds, "kind"),
            _ => (&self.types, "type"),
        };
        let Some(validator) = line[field].as_str().and_then(|name| among.get(name)) else {
            return vec![format!("no such {field}")];
        };
        // The short answer is the fast one.
        if validator.is_valid(line) {
            return Vec::new();
        }
        validator.iter_errors(line).map(|error| error.to_string()).collect()
    }
}

fn validator(document: &Value) -> Validator {
    // Times are checked too, which the standard leaves to the reader.
    jsonschema::options().should_validate_formats(true).build(document).unwrap()
}

/// The document with one alternative left in a choice.
fn with(document: &Value, choice: &str, one: &Value) -> Value {
    let mut document = document.clone();
    *document.pointer_mut(choice).unwrap() = json!([one]);
    document
}

/// The alternatives of a choice, each with the value that its field must have.
fn alternatives(document: &Value, choice: &str, field: &str) -> Vec<(String, Value)> {
    let list = document.pointer(choice).and_then(Value::as_array);
    let list = list.unwrap_or_else(|| panic!("no choice at {choice}"));
    let name = |one: &Value| {
        let is_required = one["required"].as_array().is_some_and(|it| it.contains(&json!(field)));
        let name = one["properties"][field]["const"].as_str().filter(|_| is_required);
        name.unwrap_or_else(|| panic!("an alternative without a {field}: {one}")).to_owned()
    };
    let named: Vec<_> = list.iter().map(|one| (name(one), one.clone())).collect();
    let names: BTreeSet<_> = named.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), named.len(), "two alternatives are of one {field}");
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let part = |field: &str, kind: &str| json!({"properties": {field: {"const": kind}}, "required": [field]});
        let mut event = part("type", "event");
        event["$ref"] = json!("#/$defs/Record");
        event["unevaluatedProperties"] = json!(false);
        let mut dup = part("kind", "dup");
        dup["properties"]["fd"] = json!({"type": "integer"});
        dup["properties"]["ts"] = json!({"type": "string", "format": "date-time"});
        let record = json!({"oneOf": [dup, part("kind", "close")]});
        Schema::of(&json!({"oneOf": [event, part("type", "stats")], "$defs": {"Record": record}}))
    }

    #[test]
    fn a_line_is_judged_by_its_own_alternative() {
        let schema = schema();
        assert_eq!(schema.types().into_iter().collect::<Vec<_>>(), ["event", "stats"]);
        assert_eq!(schema.kinds().into_iter().collect::<Vec<_>>(), ["close", "dup"]);
        let right = json!({"type": "event", "kind": "dup", "fd": 3, "ts": "2026-01-17T10:30:00Z"});
        schema.check(&right);
        schema.check_whole(&right);
        for wrong in [
            json!({"type": "event", "kind": "close", "fd": 3}),
            json!({"type": "event", "kind": "dup", "fd": "3"}),
            json!({"type": "event", "kind": "dup", "ts": "today"}),
            json!({"type": "event", "kind": "open"}),
            json!({"type": "host"}),
            json!({}),
        ] {
            assert!(!schema.errors(&wrong).is_empty(), "{wrong}");
        }
    }
}
