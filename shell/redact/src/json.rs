//! Taking values and parts of strings out of JSON.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::builtin;
use crate::text::MARK;

/// The members by which a reader knows what a body was and what it belonged to.
const NAMES: [&str; 7] =
    ["type", "id", "requestId", "toolCallId", "parentToolCallId", "method", "command"];

/// Longest text that can be such a name, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// What is left of an object that cannot be taken apart: its type and its ids, as far as they are
/// short texts in which nothing is found. `None` for what is no object, or has no type.
pub(crate) fn bare(body: &[u8], is_found: &dyn Fn(&str) -> bool) -> Option<Vec<u8>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let name = |key: &&str| {
        let text: String = serde_json::from_str(members.get(*key)?.get()).ok()?;
        (text.len() <= NAME_BYTES_MAX && !is_found(&text)).then(|| ((*key).into(), text.into()))
    };
    let kept: Map<String, Value> = NAMES.iter().filter_map(name).collect();
    kept.contains_key("type").then(|| Value::Object(kept).to_string().into_bytes())
}

/// Takes out the values at a path of tokens; whether there was one.
pub(crate) fn take_out(json: &mut Value, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        *json = match json {
            Value::String(_) => MARK.into(),
            Value::Number(_) => 0.into(),
            Value::Array(_) => Value::Array(Vec::new()),
            Value::Object(_) => Value::Object(Map::new()),
            Value::Null | Value::Bool(_) => Value::Null,
        };
        return true;
    };
    match json {
        Value::Object(members) if first == "*" => {
            members.values_mut().fold(false, |changed, member| take_out(member, rest) | changed)
        }
        Value::Array(elements) if first == "*" => {
            elements.iter_mut().fold(false, |changed, element| take_out(element, rest) | changed)
        }
        Value::Object(members) => {
            members.get_mut(first).is_some_and(|member| take_out(member, rest))
        }
        Value::Array(elements) => {
            let element = first.parse().ok().and_then(|index: usize| elements.get_mut(index));
            element.is_some_and(|element| take_out(element, rest))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Takes parts out of every string, names of members included, and, if `names` says so, the whole
/// texts of members whose names say that they are secret. Whether something was found.
pub(crate) fn take_texts(
    json: &mut Value,
    cut: &dyn Fn(&str) -> Option<String>,
    names: bool,
) -> bool {
    match json {
        Value::String(text) => match cut(text) {
            Some(left) => {
                *text = left;
                true
            }
            None => false,
        },
        Value::Array(elements) => elements
            .iter_mut()
            .fold(false, |changed, element| take_texts(element, cut, names) | changed),
        Value::Object(members) => {
            let mut changed = false;
            for (name, member) in members.iter_mut() {
                changed |= match member {
                    Value::String(text) if names && builtin::is_secret(name, text) => {
                        MARK.clone_into(text);
                        true
                    }
                    _ => take_texts(member, cut, names),
                };
            }
            let found: Vec<(String, String)> =
                members.keys().filter_map(|name| Some((name.clone(), cut(name)?))).collect();
            for (name, left) in found {
                changed = true;
                if let Some(member) = members.remove(&name) {
                    members.insert(left, member);
                }
            }
            changed
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
