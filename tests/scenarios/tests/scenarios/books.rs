//! What must be true at any time of rest: the proof's books, of which a scenario fails at the first thing that is wrong.

use leadgate_proof::books::{self, Books};
use leadgate_sandbox::world::World;

/// Our books as they stand, added up and checked.
pub(crate) async fn books_of(world: &World) -> Books {
    in_order(Books::of(world).await)
}

/// At rest: nothing is held, nothing waits, nobody was given up on, and the books agree with the provider's.
pub(crate) async fn at_rest(world: &World) -> Books {
    let holds = world.credits.open_holds(world.tenant_id()).await.expect("readable");
    assert_eq!(holds, [], "a hold is open");
    in_order(books::at_rest(world).await)
}

fn in_order(books: Books) -> Books {
    assert!(books.findings.is_empty(), "{:#?}", books.findings);
    books
}
