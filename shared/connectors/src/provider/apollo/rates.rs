//! What Apollo says of its limits, in headers that come with every answer that the key was good for (documented).
//! They count per team and endpoint, in fixed windows that open with the first call in them.

use leadgate_enrichment::provider::limits::Rates;
use reqwest::header::HeaderMap;

use super::super::exchange::rate;

/// The limits as of this answer.
pub(super) fn rates(headers: &HeaderMap) -> Rates {
    Rates {
        minute: rate(headers, "x-rate-limit-minute", "x-minute-usage", "x-minute-requests-left"),
        hour: rate(headers, "x-rate-limit-hourly", "x-hourly-usage", "x-hourly-requests-left"),
        day: rate(headers, "x-rate-limit-24-hour", "x-24-hour-usage", "x-24-hour-requests-left"),
    }
}

#[cfg(test)]
mod tests {
    use leadgate_enrichment::provider::limits::Rate;
    use reqwest::header::HeaderName;

    use super::*;

    fn read(headers: &[(&'static str, &'static str)]) -> Rates {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), value.parse().expect("a header value"))
        };
        rates(&headers.iter().map(header).collect())
    }

    #[test]
    fn each_window_is_read_by_itself() {
        let told = read(&[
            ("x-rate-limit-minute", "1000"),
            ("x-minute-usage", "3"),
            ("x-minute-requests-left", "997"),
            ("x-rate-limit-hourly", ""),
            ("x-rate-limit-24-hour", " 6000 "),
            ("x-24-hour-requests-left", "5990"),
        ]);
        let limited = |limit, used| Some(Rate::Limited { limit, used });
        assert_eq!(told, Rates { minute: limited(1000, 3), hour: Some(Rate::Unlimited), day: limited(6000, 10) });
        assert_eq!(read(&[]), Rates::default());
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for (limit, used) in [("many", "1"), ("-1", "1"), ("1.5", "1"), ("50", "some"), ("50", "")] {
            let told = read(&[("x-rate-limit-minute", limit), ("x-minute-usage", used)]);
            assert_eq!(told, Rates::default(), "{limit} {used}");
        }
        assert_eq!(read(&[("x-minute-usage", "3")]), Rates::default());
        assert_eq!(read(&[("x-rate-limit-minute", "50")]), Rates::default());
        let told = read(&[("x-rate-limit-minute", "99999999999"), ("x-minute-usage", "3")]);
        assert_eq!(told.minute, Some(Rate::Limited { limit: u32::MAX, used: 3 }));
        let told = read(&[("x-rate-limit-minute", "50"), ("x-minute-requests-left", "70")]);
        assert_eq!(told.minute, Some(Rate::Limited { limit: 50, used: 0 }));
    }
}
