//! Values as AWS's tools write them, and the typed parsing of one record.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Source;
use crate::model::Time;
use crate::platform::Intake;
use crate::platform::aws::scan::Value;

/// A time in any of the forms that the CLI, boto3 and the API write; `None` inside if it is none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Option<Time>);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Moment;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
                Ok(Moment(Time::parse(text)))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Moment, E> {
                Ok(Moment(i64::try_from(number).ok().and_then(Time::from_number)))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Moment, E> {
                Ok(Moment(Time::from_number(number)))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Moment, E> {
                Ok(Moment(Time::from_number(number as i64)))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Moment, E> {
                Ok(Moment(None))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Moment, E> {
                Ok(Moment(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Moment, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Moment(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Moment, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Moment(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Reads one record into a type; rejects it with its place if it does not fit.
pub(crate) fn typed<'a, T: Deserialize<'a>>(
    source: &Source<'a>,
    value: &Value<'a>,
    what: &str,
    intake: &mut Intake,
) -> Option<T> {
    match serde_json::from_slice(value.text) {
        Ok(record) => Some(record),
        Err(error) => {
            intake.reject(source.place(value.at), reason(what, &error));
            None
        }
    }
}

/// Why a record does not fit, without any of its values: they may be secrets.
pub(crate) fn reason(what: &str, error: &serde_json::Error) -> String {
    let problem = match error.classify() {
        serde_json::error::Category::Eof => "ends early",
        serde_json::error::Category::Syntax => "is not valid JSON",
        serde_json::error::Category::Data => "has a member of another type than AWS writes",
        serde_json::error::Category::Io => "cannot be read",
    };
    format!("{what} {problem}")
}

/// The byte offset of a borrowed value in its document.
pub(crate) fn offset(source: &Source<'_>, raw: &RawValue) -> usize {
    (raw.get().as_ptr() as usize).saturating_sub(source.bytes.as_ptr() as usize)
}
