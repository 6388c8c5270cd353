//! Keys, tokens and signing secrets.

use secrecy::{ExposeSecret, SecretString};

/// Text that must not be logged. `Debug` doesn't show it, there is no `Display`, and its memory is overwritten when it is
/// dropped.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Blanks around it don't count: a secret pasted into a console often ends in a line break, and no vendor's has one.
    pub fn new(text: String) -> Self {
        Self(text.trim().into())
    }

    /// The text itself, for the one place that signs or sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_loses_its_line_break_and_does_not_show_itself() {
        let secret = Secret::new("pat-eu1-abc\n".into());
        assert_eq!(secret.expose(), "pat-eu1-abc");
        assert!(!format!("{secret:?}").contains("pat-eu1"), "{secret:?}");
    }
}
