use futures_util::future::join_all;
use leadgate_aws::answers::{About, Answers, Claimed, Known, Whose};
use leadgate_enrichment::lead::record::PersonAsked;
use leadgate_enrichment::person::{Confidence, Profile, ProfileField};

use crate::{acme, at, database, fingerprint, key};

async fn answers() -> Answers {
    Answers::new(&database("answers", &["answer"]).await, "answers")
}

#[tokio::test]
async fn of_many_that_may_ask_in_the_same_millisecond_one_does() {
    let (answers, tenant) = (answers().await, acme());
    let whose = Whose { tenant: &tenant, provider: "peoplewell" };
    let about = About::Organization("example.com".to_owned());
    let claims = join_all((0..12).map(|_| answers.claim(whose, &about, at(60), at(0)))).await;
    let ours = claims.iter().filter(|claim| matches!(claim, Ok(Claimed::ByUs))).count();
    assert_eq!(ours, 1);
    let others =
        claims.iter().filter(|claim| matches!(claim, Ok(Claimed::ByOthers { until }) if *until == Some(at(60))));
    assert_eq!(others.count(), 11);
    let after = answers.claim(whose, &about, at(120), at(60)).await.expect("an answer");
    assert_eq!(after, Claimed::ByUs, "the first has run out");
}

#[tokio::test]
async fn an_answer_is_good_for_one_provider_until_its_time() {
    let (answers, tenant) = (answers().await, acme());
    let whose = Whose { tenant: &tenant, provider: "peoplewell" };
    let about = [
        About::Person(PersonAsked::at_all(fingerprint("ada@example.com"))),
        About::Organization("example.org".to_owned()),
    ];
    let sealing = key("a secret of the store's tests, long enough").sealing();
    let mut profile = Profile::default();
    profile.set(ProfileField::CompanyName, Some("Example"));
    profile.set(ProfileField::Email, Some("ada@example.com"));
    profile.set_confidence(ProfileField::Email, Some(Confidence::Medium));
    answers.keep(whose, &about[0], &Known::Hit(profile.clone()), at(60), &sealing).await.expect("kept");
    answers.keep(whose, &about[1], &Known::Miss, at(60), &sealing).await.expect("kept");
    let known = answers.read(whose, &about, at(59), &sealing).await.expect("an answer");
    assert_eq!(known[&about[0]], Known::Hit(profile));
    assert_eq!(known[&about[1]], Known::Miss);
    assert!(answers.read(whose, &about, at(60), &sealing).await.expect("an answer").is_empty());
    let other = Whose { tenant: &tenant, provider: "otherwell" };
    assert!(answers.read(other, &about, at(1), &sealing).await.expect("an answer").is_empty());
    let another = key("another secret of the store's tests").sealing();
    let known = answers.read(whose, &about, at(1), &another).await.expect("an answer");
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [(about[1].clone(), Known::Miss)], "a person is sealed");
}
