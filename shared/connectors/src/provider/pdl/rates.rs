//! What People Data Labs says of its limits, in headers of every answer ("Usage limits"). They count by key and endpoint, in
//! a fixed window of a minute.

use leadgate_enrichment::provider::limits::{Rate, Rates};
use reqwest::header::HeaderMap;

use super::super::exchange::header;

/// The limits as of this answer.
pub(super) fn rates(headers: &HeaderMap) -> Rates {
    let window = |window: &str| {
        let limit = of_window(header(headers, "x-ratelimit-limit")?, window)?;
        let left = of_window(header(headers, "x-ratelimit-remaining")?, window)?;
        Some(Rate::Limited { limit, used: limit.saturating_sub(left) })
    };
    Rates { minute: window("minute"), hour: None, day: window("day") }
}

/// The number of a window in `{'minute': 1200, 'day': None}`, as it is written, in `{"minute": 1200, "day": null}`, as it is
/// documented, or in `1200`, as it was once.
fn of_window(value: &str, window: &str) -> Option<u32> {
    if let Ok(number) = value.parse() {
        return (window == "minute").then_some(number);
    }
    let entry = |entry: &str| {
        let (name, number) = entry.split_once(':')?;
        let is_it = name.trim_matches(|c: char| !c.is_ascii_alphanumeric()) == window;
        number.trim().parse::<u64>().ok().filter(|_| is_it)
    };
    let inside = value.strip_prefix('{')?.strip_suffix('}')?;
    inside.split(',').find_map(entry).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limit: &'static str, remaining: &'static str) -> Rates {
        let value = |text: &str| text.parse().expect("a header value");
        let headers = [("x-ratelimit-limit", value(limit)), ("x-ratelimit-remaining", value(remaining))];
        rates(&headers.into_iter().map(|(name, value)| (name.parse().expect("a name"), value)).collect())
    }

    #[test]
    fn a_window_is_read_however_it_is_written() {
        let limited = Some(Rate::Limited { limit: 1201, used: 1 });
        for (limit, remaining) in [
            ("{'minute': 1201, 'day': None, 'month': None}", "{'minute': 1200, 'day': None, 'month': None}"),
            (r#"{"minute": 1201, "day": null}"#, r#"{"day": null, "minute": 1200}"#),
            ("1201", "1200"),
        ] {
            assert_eq!(read(limit, remaining), Rates { minute: limited, hour: None, day: None }, "{limit}");
        }
        let both = read("{'minute': 10, 'day': 100}", "{'minute': 12, 'day': 90}");
        assert_eq!(both.minute, Some(Rate::Limited { limit: 10, used: 0 }));
        assert_eq!(both.day, Some(Rate::Limited { limit: 100, used: 10 }));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for (limit, remaining) in [
            ("", ""),
            ("{}", "{}"),
            ("{'minute': many}", "{'minute': 1}"),
            ("{'minute': -1}", "1"),
            ("[1]", "1"),
            ("5", ""),
        ] {
            assert_eq!(read(limit, remaining), Rates::default(), "{limit} {remaining}");
        }
    }
}
