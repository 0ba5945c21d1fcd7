//! A JSON object taken apart one level deep, its values left as they are: for changing a few keys
//! of a line without reading, or being limited by the depth of, the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object, in their order.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    members: Vec<(Cow<'a, str>, Member<'a>)>,
}

#[derive(Debug)]
enum Member<'a> {
    Raw(&'a RawValue),
    Made(String),
}

impl<'a> Object<'a> {
    /// Takes a text apart; `None` if it is not one JSON object.
    pub(super) fn parse(text: &'a str) -> Option<Object<'a>> {
        serde_json::from_str(text).ok()
    }

    /// The value of a key, as it is written.
    pub(super) fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.members.iter().find_map(|(name, member)| match member {
            Member::Raw(raw) if name == key => Some(*raw),
            Member::Raw(_) | Member::Made(_) => None,
        })
    }

    /// The members that are as they were written, in their order.
    pub(super) fn raw_members(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members.iter().filter_map(|(key, member)| match member {
            Member::Raw(raw) => Some((&**key, *raw)),
            Member::Made(_) => None,
        })
    }

    /// The value of a key, read as a `T`; `None` if it is missing or something else.
    pub(super) fn get<T: Deserialize<'a>>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.raw(key)?.get()).ok()
    }

    /// The value of a key that is a string.
    pub(super) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get::<Text<'a>>(key).map(|text| text.0)
    }

    /// Leaves a key out.
    pub(super) fn remove(&mut self, key: &str) {
        self.members.retain(|(name, _)| name != key);
    }

    /// Calls a key something else.
    pub(super) fn rename(&mut self, key: &str, new: &'static str) {
        if let Some((name, _)) = self.members.iter_mut().find(|(name, _)| name == key) {
            *name = Cow::Borrowed(new);
        }
    }

    /// Sets a key to a value that is JSON already.
    pub(super) fn set(&mut self, key: &'static str, json: String) {
        let member = Member::Made(json);
        match self.members.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = member,
            None => self.members.push((Cow::Borrowed(key), member)),
        }
    }

    /// The object as compact JSON.
    pub(super) fn write(&self) -> String {
        let mut json = String::from("{");
        for (key, member) in &self.members {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(&quote(key));
            json.push(':');
            json.push_str(match member {
                Member::Raw(raw) => raw.get(),
                Member::Made(made) => made,
            });
        }
        json.push('}');
        json
    }
}

/// A text as a JSON string.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A string, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'de>, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut object = Object::default();
                while let Some((Text(key), raw)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    object.members.push((key, Member::Raw(raw)));
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Members)
    }
}
