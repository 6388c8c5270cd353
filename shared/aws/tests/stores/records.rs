use std::collections::HashSet;

use leadgate_aws::records::{ParkedLine, Place, Records};
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::credits::{Bucket, Milli};
use leadgate_enrichment::ids::{RecordKey, RequestId};
use leadgate_enrichment::lead::record::{Deferral, Record};
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_enrichment::outcome::DeferReason;

use crate::{acme, at, database, fingerprint};

async fn records() -> Records {
    Records::new(&database("records", &["record"]).await, "records")
}

fn key(id: usize) -> RecordKey {
    format!("acme#crm#contact#{id}").parse().expect("a record's name")
}

#[tokio::test]
async fn of_two_that_decided_on_the_same_record_one_writes_it() {
    let records = records().await;
    let first = Record::new(key(1), at(0));
    let second = Record { since: at(1), ..first.clone() };
    let there = records.write(Step::Claim, first.clone()).await.expect("an answer").expect("it was written");
    assert_eq!(there.rev, 1);
    assert_eq!(records.write(Step::Claim, second.clone()).await.expect("an answer"), None, "another was there first");
    let repeated = records.write(Step::Claim, first).await.expect("an answer");
    assert_eq!(repeated.as_ref(), Some(&there), "the acknowledgement of this write was lost: it is a success");
    let next = Record { rev: there.rev, ..second };
    assert_eq!(records.write(Step::Keep, next).await.expect("an answer").map(|record| record.rev), Some(2));
}

#[tokio::test]
async fn more_records_than_fit_in_one_call_are_all_read() {
    let records = records().await;
    for id in 0..250 {
        records.write(Step::Claim, Record::new(key(id), at(0))).await.expect("an answer").expect("it was written");
    }
    let keys: Vec<RecordKey> = (0..260).map(key).collect();
    let read = records.read(&keys, Consistency::Strong).await.expect("an answer");
    assert_eq!(read.len(), 250);
    assert!(!read.contains_key(&key(255)), "it was never written");
}

#[tokio::test]
async fn the_parked_are_listed_by_source_and_then_by_age_after_those_that_need_no_credits() {
    let records = records().await;
    let waiting = [
        (1, Source::Change, 10, 1),
        (2, Source::NewLead, 30, 1),
        (3, Source::NewLead, 20, 1),
        (4, Source::Change, 5, 1),
        (5, Source::Bulk, 40, 0),
    ];
    for (id, source, second, credits) in waiting {
        let request = EnrichmentRequest {
            record: key(id),
            request: RequestId::derive(&key(id), "asked"),
            source,
            occurred_at: at(second),
            not_before: None,
            queued_at: None,
            parked_since: None,
            bulk: false,
            found_for: None,
        };
        let deferral = Deferral {
            reason: DeferReason::Balance,
            since: at(60),
            not_before: at(60),
            until: at(600),
            worst: [(Bucket::new("credits"), Milli::credits(credits))].into_iter().filter(|_| credits > 0).collect(),
        };
        let parked = Record::new(key(id), at(60)).deferred(&request, deferral);
        records.write(Step::Defer, parked).await.expect("an answer").expect("it was written");
    }
    let page = records.parked(&acme(), ParkedLine::All, None).await.expect("a page");
    let order: Vec<RecordKey> = page.parked.iter().map(|parked| parked.key.clone()).collect();
    assert_eq!(order, [5, 3, 2, 4, 1].map(key));
    assert_eq!(records.deferred(&acme(), 3).await.expect("an answer"), [5, 3, 2].map(key));
    let free = records.parked(&acme(), ParkedLine::Free, None).await.expect("a page");
    assert_eq!(free.parked.iter().map(|parked| parked.key.clone()).collect::<Vec<_>>(), [key(5)]);
    let old = async |at_place, second| records.parked_since(&acme(), at_place, at(second), 9).await.expect("an answer");
    assert_eq!((old(Place::Free, 39).await, old(Place::Free, 40).await), (vec![], vec![key(5)]));
    assert_eq!(old(Place::Of(Some(Source::Change)), 5).await, [key(4)]);

    let released = records.read(&[key(3)], Consistency::Strong).await.expect("an answer").remove(&key(3));
    let released = released.expect("it is there").released(at(70));
    records.write(Step::Release, released).await.expect("an answer").expect("it was written");
    assert_eq!(
        records.deferred(&acme(), 2).await.expect("an answer"),
        [5, 2].map(key),
        "the released one has left the index"
    );
}

#[tokio::test]
async fn whom_to_forget_is_remembered_by_tenant() {
    let records = records().await;
    let (ada, grace) = (fingerprint("ada@example.com"), fingerprint("grace@example.com"));
    records.forget(&acme(), &ada).await.expect("an answer");
    records.forget(&acme(), &ada).await.expect("a repeat changes nothing");
    let both = HashSet::from([ada.clone(), grace]);
    assert_eq!(records.forgotten(&acme(), &both).await.expect("an answer"), HashSet::from([ada]));
    let other = "globex".parse().expect("a name");
    assert!(records.forgotten(&other, &both).await.expect("an answer").is_empty());
}
