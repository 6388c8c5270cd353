//! XML from a stranger, read into a small tree. It has no document type, no entities but the five that XML itself has, and
//! no more depth, elements or names of namespaces than a message needs: there is nothing to expand and nothing to fetch.

use quick_xml::NsReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

use crate::inbound::BodyError;

/// A message goes down to the field of a record, six deep. Compound fields are one deeper.
const DEPTH_MAX: usize = 12;
/// A hundred records with five hundred fields each, the most that an object has.
const ELEMENTS_MAX: usize = 60_000;
/// A message has four or five.
const NAMESPACES_MAX: usize = 32;

/// An element, with what we ask of it.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) namespace: String,
    pub(super) name: String,
    /// The value of `xsi:type`, without its prefix.
    pub(super) type_name: Option<String>,
    /// Its text, without that of its children.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// Its first child of this name.
    pub(super) fn child(&self, namespace: &str, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.namespace == namespace && child.name == name)
    }

    /// Its children of this name.
    pub(super) fn all<'e>(&'e self, namespace: &'e str, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.namespace == namespace && child.name == name)
    }

    /// Its text, if it isn't blank.
    pub(super) fn value(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }
}

/// Reads a whole document.
pub(super) fn read(body: &[u8]) -> Result<Element, BodyError> {
    let wrong = |at: usize, why| BodyError::Xml { at: at as u64, why };
    let text = std::str::from_utf8(body).map_err(|error| wrong(error.valid_up_to(), "not UTF-8"))?;
    let mut reader = NsReader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().check_end_names = true;
    reader.resolver_mut().set_max_namespace_bindings(NAMESPACES_MAX);
    let mut tree = Tree::default();
    loop {
        let at = reader.buffer_position();
        let refused = |why| BodyError::Xml { at, why };
        let (namespace, event) = reader.read_resolved_event().map_err(|_| refused("not XML"))?;
        match event {
            Event::Start(start) => {
                let namespace = namespace_of(&namespace).map_err(refused)?;
                let element = element(namespace, &start).map_err(refused)?;
                tree.open(element).map_err(refused)?;
            }
            Event::End(_) => tree.close().map_err(refused)?,
            Event::Text(text) => tree.add(&text.xml10_content()).map_err(refused)?,
            Event::CData(text) => tree.add(&text.xml10_content()).map_err(refused)?,
            Event::GeneralRef(reference) => tree.add(&character(&reference).map_err(refused)?).map_err(refused)?,
            Event::DocType(_) => return Err(refused("a document type, which is refused")),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::Empty(_) => {}
            Event::Eof => return tree.root.filter(|_| tree.open.is_empty()).ok_or(refused("ends too early")),
        }
    }
}

/// What has been read so far.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), &'static str> {
        self.elements += 1;
        match () {
            () if self.root.is_some() => Err("a second document"),
            () if self.open.len() >= DEPTH_MAX => Err("nested too deep"),
            () if self.elements > ELEMENTS_MAX => Err("too many elements"),
            () => {
                self.open.push(element);
                Ok(())
            }
        }
    }

    fn close(&mut self) -> Result<(), &'static str> {
        let closed = self.open.pop().ok_or("an end without a beginning")?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => self.root = Some(closed),
        }
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), &'static str> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err("text outside of the document"),
        }
        Ok(())
    }
}

fn namespace_of(resolved: &ResolveResult<'_>) -> Result<String, &'static str> {
    match resolved {
        ResolveResult::Bound(namespace) => Ok(namespace.as_ref().to_owned()),
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(_) => Err("a prefix without a namespace"),
    }
}

/// An attribute is found by its local name: that of a type is in a namespace of its own, whatever its prefix.
fn element(namespace: String, start: &BytesStart<'_>) -> Result<Element, &'static str> {
    let mut type_name = None;
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| "an attribute that can't be read")?;
        if attribute.key.local_name().as_ref() == "type" {
            let value = attribute.value.as_ref();
            type_name = Some(value.rsplit(':').next().unwrap_or(value).to_owned());
        }
    }
    Ok(Element { namespace, name: start.local_name().as_ref().to_owned(), type_name, ..Element::default() })
}

/// The character that a reference stands for: one of the five of XML, or one by its number.
fn character(reference: &BytesRef<'_>) -> Result<String, &'static str> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| "a character that XML doesn't have")? {
        return Ok(character.to_string());
    }
    let known = match reference.xml10_content().as_ref() {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return Err("an entity, which is refused"),
    };
    Ok(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> &'static str {
        match read(text.as_bytes()) {
            Err(BodyError::Xml { why, .. }) => why,
            other => panic!("{text} was read as {other:?}"),
        }
    }

    #[test]
    fn prefixes_do_not_matter_and_namespaces_do() {
        let texts = [
            r#"<a xmlns="urn:x"><b>1 &lt; 2 &#x263A;<![CDATA[<&>]]></b></a>"#,
            "\u{feff}<?xml version=\"1.0\"?><!-- c --><p:a xmlns:p='urn:x'>\n <p:b>1 &lt; 2 &#9786;<![CDATA[<&>]]></p:b></p:a>\n",
        ];
        for text in texts {
            let root = read(text.as_bytes()).expect("a document");
            assert_eq!((root.namespace.as_str(), root.name.as_str()), ("urn:x", "a"));
            assert_eq!(root.child("urn:x", "b").and_then(Element::value), Some("1 < 2 \u{263a}<&>"));
            assert!(root.child("", "b").is_none() && root.child("urn:y", "b").is_none());
        }
        let root = read(br#"<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="sf:Lead"/>"#);
        assert_eq!(root.expect("a document").type_name.as_deref(), Some("Lead"));
    }

    #[test]
    fn what_could_expand_or_fetch_is_refused_unread() {
        let external = r#"<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#;
        let laughs = r#"<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;">]><a>&m;</a>"#;
        for text in [external, laughs, "<!DOCTYPE a SYSTEM \"http://evil.example/a.dtd\"><a/>"] {
            assert_eq!(refused(text), "a document type, which is refused");
        }
        assert_eq!(refused("<a>&x;</a>"), "an entity, which is refused");
        assert_eq!(refused(&format!("{}{}", "<a>".repeat(13), "</a>".repeat(13))), "nested too deep");
        assert_eq!(refused(&format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX))), "too many elements");
        let declared: String = (0..40).map(|i| format!(" xmlns:n{i}='urn:{i}'")).collect();
        assert_eq!(refused(&format!("<a{declared}/>")), "not XML");
    }

    #[test]
    fn what_is_no_whole_document_is_refused() {
        let whole = r#"<a xmlns="urn:x"><b>text &amp; more</b></a>"#;
        for end in 0..whole.len() {
            assert!(read(&whole.as_bytes()[..end]).is_err(), "{}", &whole[..end]);
        }
        for wrong in ["", "hello", "{}", "<a></b>", "<a/><b/>", "<p:a/>", "<a x=1/>", "<a x='1' x='2'/>", "<a>&#0;</a>"]
        {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(read(b"<a>\xff</a>").is_err());
    }
}
