//! An access token that all clients of a connection share: one is had for all, used for as long as it is good, and replaced
//! once when it is refused.

use jiff::Timestamp;

use crate::secret::Secret;

/// The token that there is. Those who need one wait here while one of them gets it.
#[derive(Default)]
pub(crate) struct AccessToken(tokio::sync::Mutex<Option<Token>>);

/// What calls are made with.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) value: Secret,
    /// Where the API is, where the vendor says so along with the token.
    pub(crate) address: String,
    /// Until when it is good, where the vendor has to be taken at its word: without, until it is refused.
    pub(crate) good_until: Option<Timestamp>,
    /// Counts the tokens of the connection.
    number: u64,
}

impl Token {
    /// One that was given just now.
    pub(crate) fn new(value: Secret, address: String, good_until: Option<Timestamp>) -> Self {
        Self { value, address, good_until, number: 0 }
    }
}

impl AccessToken {
    /// The token that there is, unless it is the one that was refused or isn't good at `then` any more; else the one that
    /// `obtain` gets. Of those who find it refused at the same time, one gets another.
    pub(crate) async fn get<E>(
        &self,
        refused: Option<&Token>,
        then: Timestamp,
        obtain: impl Future<Output = Result<Token, E>>,
    ) -> Result<Token, E> {
        let mut there = self.0.lock().await;
        let is_good = |token: &Token| {
            let is_refused = refused.is_some_and(|refused| refused.number == token.number);
            !is_refused && token.good_until.is_none_or(|until| then < until)
        };
        if let Some(token) = there.as_ref().filter(|token| is_good(token)) {
            return Ok(token.clone());
        }
        let number = there.as_ref().map_or(0, |token| token.number + 1);
        Ok(there.insert(Token { number, ..obtain.await? }).clone())
    }
}
