//! Who holds or held tickets of an event, as its organizer sees it.

use rowlock_entities::{BookingId, EventId, booking, user};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait,
    FromQueryResult, JoinType, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, Select,
    sea_query::{Alias, Expr, Func, LikeExpr},
};

use super::reference::Reference;
use crate::pagination::PageRequest;

/// A booking with the person who made it.
#[derive(Clone, Debug)]
pub(crate) struct Attendee {
    pub(crate) booking: booking::Model,
    pub(crate) name: String,
    pub(crate) email: String,
}

/// Selects the attendees of one event.
#[derive(Clone, Debug)]
pub(crate) struct AttendeeFilter {
    pub(crate) event: EventId,
    pub(crate) status: Option<booking::Status>,
    /// Each of these words is in the name or the email, or begins the reference.
    words: Vec<String>,
    /// The whole text as the start of a reference, which may be written with spaces.
    references: Option<(Reference, Reference)>,
}

impl AttendeeFilter {
    /// The attendees with this status, in whose name, email or reference each word of `search`
    /// is, whatever its case.
    pub(crate) fn new(event: EventId, status: Option<booking::Status>, search: &str) -> Self {
        let words = search.split_whitespace().map(str::to_owned).collect();
        Self { event, status, words, references: Reference::range(search) }
    }

    fn select(&self, backend: DbBackend) -> Select<booking::Entity> {
        use booking::Column::{EventId, Quantity, Status};
        let words =
            self.words.iter().fold(Condition::all(), |all, word| all.add(has_word(backend, word)));
        let found = Condition::any()
            .add(words)
            .add_option(self.references.map(|range| has_reference(backend, range)));
        let condition = Condition::all()
            .add(EventId.eq(self.event))
            // This is true for all, and the index over the bookings of events asks for it.
            .add(Quantity.gt(0))
            .add_option(self.status.map(|status| Status.eq(status)))
            .add_option((!self.words.is_empty()).then_some(found));
        booking::Entity::find()
            .join(JoinType::InnerJoin, booking::Relation::User.def())
            .filter(condition)
    }
}

/// SQLite's `lower` knows the case of ASCII only.
fn has_word(backend: DbBackend, word: &str) -> Condition {
    let pattern = |word: &str| {
        let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        LikeExpr::new(format!("%{escaped}%")).escape('\\')
    };
    let (lower, name) = (word.to_lowercase(), (user::Entity, user::Column::Name));
    Condition::any()
        .add(Expr::expr(Func::lower(Expr::col(name))).like(pattern(&lower)))
        // As it is typed, with the capitals that the database does not know.
        .add(Expr::col(name).like(pattern(word)))
        .add(Expr::col((user::Entity, user::Column::Email)).like(pattern(&lower)))
        .add_option(Reference::range(word).map(|range| has_reference(backend, range)))
}

fn has_reference(backend: DbBackend, (first, last): (Reference, Reference)) -> Expr {
    let end_of_id = match backend {
        DbBackend::Postgres => "right(bookings.id::text, 12)",
        _ => "lower(substr(hex(bookings.id), 21))",
    };
    Expr::cust(end_of_id).between(first.hex(), last.hex())
}

#[derive(FromQueryResult)]
struct Person {
    attendee_name: String,
    attendee_email: String,
}

/// Reads a page in its direction, and one row more if there is one. The newest bookings come first.
pub(super) async fn find_page(
    db: &impl ConnectionTrait,
    filter: &AttendeeFilter,
    page: &PageRequest<BookingId>,
) -> Result<Vec<Attendee>, DbErr> {
    use booking::Column::Id;
    let bounds = Condition::all()
        .add_option(page.after.map(|id| Id.lt(id)))
        .add_option(page.before.map(|id| Id.gt(id)));
    let order = if page.is_backwards { Order::Asc } else { Order::Desc };
    let select = filter.select(db.get_database_backend()).filter(bounds).order_by(Id, order);
    read(db, select.limit(page.size + 1)).await
}

/// Reads the next attendees of an event in the order in which they booked.
pub(super) async fn find_after(
    db: &impl ConnectionTrait,
    event: EventId,
    after: Option<BookingId>,
    limit: u64,
) -> Result<Vec<Attendee>, DbErr> {
    use booking::Column::Id;
    let filter = AttendeeFilter::new(event, None, "");
    let bounds = Condition::all().add_option(after.map(|id| Id.gt(id)));
    let select = filter.select(db.get_database_backend()).filter(bounds).order_by_asc(Id);
    read(db, select.limit(limit)).await
}

async fn read(
    db: &impl ConnectionTrait,
    select: Select<booking::Entity>,
) -> Result<Vec<Attendee>, DbErr> {
    let rows = select
        .column_as(user::Column::Name, "attendee_name")
        .column_as(user::Column::Email, "attendee_email")
        .into_model::<AttendeeRow>()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|AttendeeRow(attendee)| attendee).collect())
}

struct AttendeeRow(Attendee);

impl FromQueryResult for AttendeeRow {
    fn from_query_result(row: &sea_orm::QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let booking = booking::Model::from_query_result(row, prefix)?;
        let Person { attendee_name: name, attendee_email: email } =
            Person::from_query_result(row, prefix)?;
        Ok(Self(Attendee { booking, name, email }))
    }
}

pub(super) async fn count(
    db: &impl ConnectionTrait,
    filter: &AttendeeFilter,
) -> Result<u64, DbErr> {
    filter.select(db.get_database_backend()).count(db).await
}

/// What was sold of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sales {
    pub(crate) confirmed_bookings: i64,
    pub(crate) cancelled_bookings: i64,
    /// Tickets of confirmed bookings.
    pub(crate) sold_tickets: i64,
    /// What they cost together, in the minor unit of the event's currency.
    pub(crate) takings_minor: i64,
}

#[derive(FromQueryResult)]
struct OfStatus {
    status: booking::Status,
    bookings: i64,
    tickets: i64,
    takings: i64,
}

/// Sums up an event's bookings.
pub(super) async fn sales(db: &impl ConnectionTrait, event: EventId) -> Result<Sales, DbErr> {
    use booking::Column::{EventId, Id, Quantity, Status, UnitPriceMinor};
    let big = |expr: Expr| expr.cast_as(Alias::new("bigint"));
    let price = Expr::col(UnitPriceMinor).mul(Expr::col(Quantity));
    let rows = booking::Entity::find()
        .select_only()
        .column(Status)
        .expr_as(big(Id.count()), "bookings")
        .expr_as(big(Quantity.sum()), "tickets")
        .expr_as(big(Expr::expr(price).sum()), "takings")
        .filter(EventId.eq(event))
        .filter(Quantity.gt(0))
        .group_by(Status)
        .into_model::<OfStatus>()
        .all(db)
        .await?;
    let mut sales = Sales::default();
    for OfStatus { status, bookings, tickets, takings } in rows {
        match status {
            booking::Status::Confirmed => {
                sales.confirmed_bookings = bookings;
                sales.sold_tickets = tickets;
                sales.takings_minor = takings;
            }
            booking::Status::Cancelled => sales.cancelled_bookings = bookings,
        }
    }
    Ok(sales)
}
