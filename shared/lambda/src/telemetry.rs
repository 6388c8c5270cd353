//! Logging: one JSON object a line, to standard output, where Lambda picks it up. Never a body, a token, or anything
//! personal: ids and words only.

use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` chooses the level; without it, `info`.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Lambda stamps each line with its time, and a second start (in a test) is no harm.
    let _ = tracing_subscriber::fmt().json().flatten_event(true).without_time().with_env_filter(filter).try_init();
}
