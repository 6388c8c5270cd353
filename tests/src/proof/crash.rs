//! Every call of a flow, broken in every way, one at a time: then redelivery and the sweeper finish, and the money, the
//! leads and the CRM must be right.

pub use super::flow::{Flow, Moment};
use super::lane::{Effort, Lane, Tried, try_all};
use super::violation::{Findings, Promise, Violation};
use super::way::Way;
use crate::world::{Call, StartError};

/// One call of a flow, and the way in which it is broken.
#[derive(Debug, Clone)]
pub struct Point {
    flow: Flow,
    first: usize,
    call: Call,
    way: Way,
}

/// All the points of `flow`.
pub async fn points(flow: Flow) -> Result<Vec<Point>, StartError> {
    let mut lane = Lane::default();
    let mut first = 0;
    if let Flow::TakeOver(moment) = flow {
        let calls = Flow::Unit.calls(&mut lane, 0).await?;
        first = moment.among(&calls).ok_or_else(|| format!("a run without {moment:?}: {calls:?}"))?;
    }
    let calls = flow.calls(&mut lane, first).await?;
    let point = |call: &Call, way| Point { flow, first, call: call.clone(), way };
    let points =
        calls.iter().flat_map(|call| Way::all_for(&call.operation).into_iter().map(move |way| point(call, way)));
    Ok(points.collect())
}

/// Breaks each point, and gives how many there were and what was wrong.
pub async fn sweep(
    points: Vec<Point>,
    effort: Effort,
    done: &(dyn Fn() + Send + Sync),
) -> Result<(usize, Vec<Violation>), StartError> {
    let tried = try_all(points, effort, try_one, done).await?;
    let count = tried.len();
    Ok((count, tried.into_iter().flat_map(|tried: Tried<()>| tried.violations).collect()))
}

async fn try_one(mut lane: Lane, point: Point) -> Result<(Lane, Tried<()>), StartError> {
    let Point { flow, first, call, way } = &point;
    let scene = flow.stage(&mut lane, *first).await?;
    scene.world.wire.break_by(way.plan(call.index));
    flow.act(&scene).await;
    scene.world.wire.mend();
    scene.finish().await?;
    let books = scene.check().await;
    let (unknown, mut findings) = (books.unknown, Findings::default());
    let may_be_unknown = flow.may_leave_unknown(*way, &call.operation);
    findings.check(unknown == 0 || may_be_unknown, Promise::Order, || {
        format!("{unknown} are spent on an unknown outcome, and nothing could have left one")
    });
    findings.extend(books.findings);
    let place = format!("{flow:?}, call {} ({}) broken by {way:?}", call.index, call.operation);
    let violations = findings.at(&place);
    if violations.is_empty() {
        lane.give_back(scene.world);
    }
    Ok((lane, Tried { result: (), violations }))
}
