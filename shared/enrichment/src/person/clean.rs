//! What a provider says, made safe for a CRM: it is shown in browsers, exported to spreadsheets and read aloud by
//! templates, and the person who edits the public profile chooses it.

use url::Url;

use super::{ProfileField, status};

/// The longest value we take from a provider, in characters: CRMs take 65,536, and a record of ours must stay small.
const VALUE_CHARS_MAX: usize = 300;
/// The longest id. What is longer is no person's id, and would make a record too large to be written.
const ID_CHARS_MAX: usize = 64;
/// A spreadsheet takes a value that begins so for a formula.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];

/// The value as it may be written, if anything of it is left.
pub(super) fn value(field: ProfileField, value: &str) -> Option<String> {
    let shown: String =
        value.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| is_shown(*c)).collect();
    let words: Vec<&str> = shown.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(VALUE_CHARS_MAX).collect();
    let text = match kind(field) {
        Kind::Address => web_address(&text)?,
        // In E.164 it begins with a plus, and there is nothing but digits after it.
        Kind::Number => text.trim_start_matches(['=', '-', '@', ' ']).to_owned(),
        Kind::Amount if is_grouped(&text) => text.replace(',', ""),
        Kind::Text | Kind::Amount => text.trim_start_matches(|c| FORMULA.contains(&c) || c == ' ').to_owned(),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| status::shared(field, text).unwrap_or(text).to_owned())
}

/// The id, if it is one: words of letters, digits, `-` and `_`.
pub(super) fn id(id: &str) -> Option<String> {
    let in_ids = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ((1..=ID_CHARS_MAX).contains(&id.len()) && id.chars().all(in_ids)).then(|| id.to_owned())
}

enum Kind {
    Text,
    Number,
    Amount,
    Address,
}

fn kind(field: ProfileField) -> Kind {
    match field {
        ProfileField::LinkedinUrl | ProfileField::CompanyWebsite => Kind::Address,
        ProfileField::CompanyPhone | ProfileField::MobilePhone => Kind::Number,
        ProfileField::CompanyEmployees | ProfileField::CompanyRevenue | ProfileField::CompanyFunding => Kind::Amount,
        _ => Kind::Text,
    }
}

/// `1,000` and `12,500.5`. Commas are for people: a number property refuses them.
fn is_grouped(text: &str) -> bool {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    is_digits(first) && first.len() <= 3 && is_digits(rest) && groups.all(|group| group.len() == 3 && is_digits(group))
}

/// Not what turns text around, hides in it, or makes markup of it.
fn is_shown(c: char) -> bool {
    let is_format = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !is_format && !matches!(c, '<' | '>')
}

/// Only what a browser opens as a page. One without a scheme is a page, too.
fn web_address(text: &str) -> Option<String> {
    let is_plain = !text.contains([' ', '"', '\'', '\\']);
    match Url::parse(text) {
        Ok(url) => (is_plain && matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| text.to_owned()),
        Err(_) => {
            let url = Url::parse(&format!("https://{text}")).ok()?;
            let is_host = url.host_str().is_some_and(|host| host.contains('.'));
            (is_plain && is_host && url.username().is_empty()).then(|| text.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_neither_formula_nor_markup_nor_disguise() {
        let text = |said: &str| value(ProfileField::Title, said);
        for (said, written) in [
            ("=HYPERLINK(\"http://x\")", "HYPERLINK(\"http://x\")"),
            (" \t@SUM(A1)", "SUM(A1)"),
            ("+-=Head of Sales", "Head of Sales"),
            ("<b onclick=x>CTO</b>", "b onclick=xCTO/b"),
            ("C\u{202e}OT\u{200b}", "COT"),
            ("Head\r\nof\u{a0}Sales", "Head of Sales"),
            ("R&D, e-commerce + growth", "R&D, e-commerce + growth"),
            ("\u{10c}ed\u{e1}k \u{1f600}", "\u{10c}ed\u{e1}k \u{1f600}"),
        ] {
            assert_eq!(text(said).as_deref(), Some(written), "{said:?}");
        }
        for nothing in ["", " \u{200b}", "=+-@", "<>", "\u{0}"] {
            assert_eq!(text(nothing), None, "{nothing:?}");
        }
        assert_eq!(text(&"x".repeat(500)).map(|text| text.len()), Some(VALUE_CHARS_MAX));
    }

    #[test]
    fn a_number_keeps_its_plus_and_an_address_is_a_page() {
        assert_eq!(value(ProfileField::MobilePhone, "+15555034705").as_deref(), Some("+15555034705"));
        assert_eq!(value(ProfileField::CompanyPhone, "=+1 555-0126").as_deref(), Some("+1 555-0126"));
        let site = |said: &str| value(ProfileField::CompanyWebsite, said);
        for kept in ["https://engine.example/a?b=c", "http://www.engine.example", "engine.example"] {
            assert_eq!(site(kept).as_deref(), Some(kept));
        }
        for dropped in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "mailto:a@b.example",
            "https://a.example/ x",
            "nothing",
            "https://a.example/\"onclick=",
        ] {
            assert_eq!(site(dropped), None, "{dropped}");
        }
    }

    #[test]
    fn an_amount_is_a_plain_number_where_it_is_one() {
        let amount = |said: &str| value(ProfileField::CompanyRevenue, said);
        for (said, written) in [("1,000", "1000"), ("12,345,678.5", "12345678.5"), ("999", "999"), ("0.5", "0.5")] {
            assert_eq!(amount(said).as_deref(), Some(written));
        }
        for text in ["1,00", "1000,5", "$1,000", "1,000+", "51,200 people", ",100", "1,000.", "12.5M"] {
            assert_eq!(amount(text).as_deref(), Some(text), "no plain number, so it is text");
        }
        assert_eq!(value(ProfileField::Title, "1,000").as_deref(), Some("1,000"));
    }

    #[test]
    fn an_id_is_a_short_word() {
        assert_eq!(id("5e66b6381e05b4008c8331b8").as_deref(), Some("5e66b6381e05b4008c8331b8"));
        for wrong in ["", "a b", "a/b", "\u{e9}", &"x".repeat(65), &"x".repeat(500_000)] {
            assert_eq!(id(wrong), None);
        }
    }
}
