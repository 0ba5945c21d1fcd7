//! Ways in which a member of an agent's line can be broken: for tables of tests, here and in the
//! simulator.

use serde_json::Value;

/// In the place of the member while the rest is written.
const PLACE: &str = "@the broken member@";

/// The paths of all members of objects in a value, at every depth; of an array, the last element's.
pub fn paths(value: &Value) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    collect(value, &mut Vec::new(), &mut all);
    all
}

fn collect(value: &Value, at: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .skip(elements.len().saturating_sub(1))
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    for (key, value) in inside {
        at.push(key);
        all.push(at.clone());
        collect(value, at, all);
        at.pop();
    }
}

/// A whole line with the member at `path` broken in every way, each with the name of the way.
///
/// # Panics
/// There is no such member.
pub fn broken(whole: &Value, path: &[String]) -> Vec<(&'static str, String)> {
    let pointer = format!("/{}", path.join("/"));
    let mut line = whole.clone();
    let member = line.pointer_mut(&pointer).expect("a member");
    let right = std::mem::replace(member, PLACE.into()).to_string();
    let place = format!("\"{PLACE}\"");
    let text = line.to_string();
    let long = format!("\"{}\"", "x".repeat(20_000));
    let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
    let mut all: Vec<(&'static str, String)> = vec![
        ("null", "null".to_owned()),
        ("a number", "5".to_owned()),
        ("a string", "\"x\"".to_owned()),
        ("true", "true".to_owned()),
        ("{}", "{}".to_owned()),
        ("[]", "[]".to_owned()),
        ("a float", "3.5".to_owned()),
        ("3.0", "3.0".to_owned()),
        ("negative", "-1".to_owned()),
        ("huge", "1e400".to_owned()),
        ("many digits", "9".repeat(500)),
        ("long", long),
        ("deep", deep),
        ("half a character", r#""x\ud83d""#.to_owned()),
        ("the other half", r#""\ude00x""#.to_owned()),
        ("control characters", r#""\u0000\u001b[1m\n""#.to_owned()),
        ("empty", "\"\"".to_owned()),
    ]
    .into_iter()
    .map(|(fault, value)| (fault, text.replacen(&place, &value, 1)))
    .collect();
    if let Some(key) = path.last().filter(|key| key.parse::<u64>().is_err()) {
        let member = format!("\"{key}\":{place}");
        let twice = |first: &str, last: &str| {
            text.replacen(&member, &format!("\"{key}\":{first},\"{key}\":{last}"), 1)
        };
        all.push(("twice, first", twice("{\"odd\":[]}", &right)));
        all.push(("twice, last", twice(&right, "{\"odd\":[]}")));
        let mut line = whole.clone();
        let (parent, _) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(members) = line.pointer_mut(parent).and_then(Value::as_object_mut) {
            members.remove(key);
        }
        all.push(("missing", line.to_string()));
    }
    all
}
