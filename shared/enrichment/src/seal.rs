//! Keeping a text so that only this installation can read it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// A nonce of ChaCha20-Poly1305 has so many bytes (RFC 8439).
const NONCE_BYTES: usize = 12;

/// What a tenant's texts are sealed with. It comes from the installation's secret, as fingerprints do.
pub struct SealingKey {
    key: Key,
    nonces: Hmac<Sha256>,
}

impl SealingKey {
    pub(crate) fn new(key: [u8; 32], nonces: Hmac<Sha256>) -> Self {
        Self { key: Key::from(key), nonces }
    }

    /// Seals a text that is kept under this name: opened under another, it is no text. The same text under the same name
    /// is sealed alike, so that a repeated write is the same write: the nonce is made of both, and of a key of its own.
    pub fn seal(&self, name: &str, text: &str) -> Option<String> {
        let nonce = self.nonce(name, text);
        let payload = Payload { msg: text.as_bytes(), aad: name.as_bytes() };
        let mut sealed = nonce.to_vec();
        sealed.extend(ChaCha20Poly1305::new(&self.key).encrypt(&nonce, payload).ok()?);
        Some(STANDARD_NO_PAD.encode(sealed))
    }

    /// Opens it. `None` when it was sealed with another key or under another name, or has been changed.
    pub fn open(&self, name: &str, sealed: &str) -> Option<String> {
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload { msg: sealed, aad: name.as_bytes() };
        let text = ChaCha20Poly1305::new(&self.key).decrypt(&Nonce::from(nonce), payload).ok()?;
        String::from_utf8(text).ok()
    }

    fn nonce(&self, name: &str, text: &str) -> Nonce {
        // The length of the first keeps the two apart.
        let parts = [&name.len().to_be_bytes(), name.as_bytes(), text.as_bytes()];
        let digest = parts.iter().fold(self.nonces.clone(), |mac, part| mac.chain_update(part)).finalize().into_bytes();
        let mut nonce = [0; NONCE_BYTES];
        nonce.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Nonce::from(nonce)
    }
}

#[cfg(test)]
mod tests {
    use crate::fingerprint::tests::key;

    #[test]
    fn what_is_sealed_opens_under_its_own_name_only() {
        let sealing = key().sealing();
        let sealed = sealing.seal("record 1", "Head of Difference Engines").expect("sealed");
        assert!(!sealed.contains("Head"));
        assert_eq!(sealing.open("record 1", &sealed).as_deref(), Some("Head of Difference Engines"));
        assert_eq!(
            sealing.seal("record 1", "Head of Difference Engines"),
            Some(sealed.clone()),
            "a repeat is the same"
        );
        assert_ne!(sealing.seal("record 2", "Head of Difference Engines"), Some(sealed.clone()));
        assert_eq!(sealing.open("record 2", &sealed), None);
        for wrong in ["", "AAAA", &sealed[1..], &sealed.replacen('A', "B", 1).replacen('a', "b", 1)] {
            assert_eq!(sealing.open("record 1", wrong).filter(|_| wrong != sealed), None, "{wrong}");
        }
    }
}
