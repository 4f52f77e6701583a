//! Reminds people of events a day before.

use std::time::Duration as StdDuration;

use chrono::{DateTime, Utc};
use rowlock_entities::{EventId, event, event_reminder};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    clock::Clock,
    database::{Database, within_transaction_timeout},
    inventory::{EventMailJob, News, TIME_BEFORE_REMINDER},
    jobs::{NewJob, enqueue},
};

/// Time between two looks for events.
const LOOK_INTERVAL: StdDuration = StdDuration::from_secs(10);
/// Number of events that one look takes.
const EVENTS_PER_LOOK: u64 = 200;

/// An event of which people are to be reminded.
#[derive(Debug, FromQueryResult)]
struct DueEvent {
    starts_at: DateTime<Utc>,
    id: EventId,
    total_tickets: i32,
    remaining_tickets: i32,
}

/// Writes the jobs that remind people. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Reminders {
    db: Database,
    clock: Clock,
}

impl Reminders {
    pub(crate) fn new(db: Database, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// Reminds people for as long as the server runs. Other servers may do so, too.
    pub(crate) async fn remind(self) {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Err(error) = self.remind_of_next().await {
                tracing::debug!(%error, "people could not be reminded of events");
            }
        }
    }

    async fn remind_of_next(&self) -> Result<(), DbErr> {
        let now = self.clock.now();
        for event in self.find_due(now).await? {
            within_transaction_timeout(&self.db, || self.remind_of(&event)).await?;
        }
        Ok(())
    }

    /// Published events that begin within a day, and of which nobody was reminded at this time. An
    /// edit that moves an event into the next day notes that, because its own mail says the same.
    async fn find_due(&self, now: DateTime<Utc>) -> Result<Vec<DueEvent>, DbErr> {
        use event::Column::{Id, RemainingTickets, StartsAt, Status, TotalTickets};
        let reminded = Query::select()
            .expr(Expr::val(1))
            .from(event_reminder::Entity)
            .and_where(
                Expr::col((event_reminder::Entity, event_reminder::Column::EventId))
                    .equals((event::Entity, Id)),
            )
            .and_where(
                Expr::col((event_reminder::Entity, event_reminder::Column::StartsAt))
                    .equals((event::Entity, StartsAt)),
            )
            .to_owned();
        event::Entity::find()
            .select_only()
            .columns([StartsAt, Id, TotalTickets, RemainingTickets])
            .filter(StartsAt.gt(now))
            .filter(StartsAt.lte(now + TIME_BEFORE_REMINDER))
            .filter(Status.eq(event::Status::Published))
            .filter(Expr::not_exists(reminded))
            .order_by_asc(StartsAt)
            .limit(EVENTS_PER_LOOK)
            .into_model()
            .all(self.db.reads())
            .await
    }

    /// Notes the reminder and writes its job. If another server has noted it, this one does nothing.
    async fn remind_of(&self, event: &DueEvent) -> Result<(), DbErr> {
        let tx = self.db.begin().await?;
        let row = event_reminder::Model {
            event_id: event.id,
            starts_at: event.starts_at,
            created_at: self.clock.now(),
        };
        let noted = event_reminder::Entity::insert(row.into_active_model())
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&tx)
            .await?;
        if noted > 0 && event.remaining_tickets < event.total_tickets {
            enqueue(&tx, vec![NewJob::new(&EventMailJob::new(event.id, News::Reminder))?]).await?;
        }
        tx.commit().await
    }
}
