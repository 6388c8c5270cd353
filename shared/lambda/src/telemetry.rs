//! Logging: one JSON object a line, to standard output, where Lambda picks it up. Never a body, a token, or anything
//! personal: ids and words only.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. `RUST_LOG` chooses what: a level, or `target=level` pairs; without it, `info`.
pub fn start() {
    // With `timestamp` and `level` at the top of each line, Lambda's own filter by level takes it for what it is.
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true);
    tracing_subscriber::registry().with(lines).with(targets(LevelFilter::INFO)).init();
}

/// What `RUST_LOG` says, else everything at `default`. Plain targets and levels: the richer filter language would bring
/// a regular expression engine into every cold start.
#[expect(clippy::disallowed_methods, reason = "this is where the log level is read")]
pub fn targets(default: LevelFilter) -> Targets {
    let chosen = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    chosen.unwrap_or_else(|| Targets::new().with_default(default))
}
