//! Keys, tokens and signing secrets.

use std::fmt;

/// Text that must not be logged. `Debug` doesn't show it, and there is no `Display`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Blanks around it don't count: a secret pasted into a console often ends in a line break, and no vendor's has one.
    pub fn new(text: String) -> Self {
        Self(text.trim().to_owned())
    }

    /// The text itself, for the one place that signs or sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_loses_its_line_break_and_does_not_show_itself() {
        let secret = Secret::new("pat-eu1-abc\n".into());
        assert_eq!(secret.expose(), "pat-eu1-abc");
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
    }
}
