use std::time::Duration;

use leadgate_aws::limits::{Limits, Permit};
use leadgate_enrichment::ids::ProviderName;
use leadgate_enrichment::provider::limits::{CallLimits, Ending, LimitKey, Rates, Share};

use crate::{acme, database};

#[tokio::test]
async fn as_many_calls_are_permitted_as_fit_into_the_window() {
    let limits = Limits::new(&database("limits", &["limit"]).await, "limits");
    let key = LimitKey { tenant: acme(), provider: ProviderName::known("peoplewell"), endpoint: "people" };
    let configured = CallLimits::new(Some(4), None, None);
    let mut granted = 0;
    loop {
        let permit = limits.permit(&key, &configured, Share::Full, Duration::ZERO).await.expect("an answer");
        let Permit::Granted(ticket) = permit else { break };
        granted += 1;
        assert!(granted <= 4, "the window has room for four");
        limits.ended(ticket, &Rates::default(), Ending::Answered).await.expect("an answer");
    }
    assert!(granted >= 3, "nearly all of the window is used, but only {granted} calls were permitted");
    assert!(
        limits.peek(&key, &configured, Share::Full).await.expect("an answer").is_some(),
        "a reader sees it is full"
    );
}
